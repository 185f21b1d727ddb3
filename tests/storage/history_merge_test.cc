#include "storage/history_merge.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

v1::HistoryOperations AppendOf(const std::string& item, int64_t sort_key,
                               int64_t serial, int limit) {
  v1::HistoryOperations operand;
  v1::HistoryOperation& operation = *operand.add_operations();
  operation.mutable_append()->set_item_id(item);
  operation.mutable_append()->set_sort_key(sort_key);
  operation.set_serial(serial);
  operation.set_history_limit(limit);
  return operand;
}

v1::HistoryOperations DeletionOf(const std::string& item, int64_t serial) {
  v1::HistoryOperations operand;
  operand.add_operations()->set_delete_item(item);
  operand.mutable_operations(0)->set_serial(serial);
  return operand;
}

v1::History MergeAll(const std::vector<v1::HistoryOperations>& operands) {
  HistoryMerge merge;
  EXPECT_TRUE(merge.Start(std::nullopt));
  std::vector<std::string> bytes;
  for (const auto& operand : operands) {
    bytes.push_back(operand.SerializeAsString());
  }
  for (const std::string& operand : bytes) EXPECT_TRUE(merge.Apply(operand));
  v1::History history;
  EXPECT_TRUE(history.ParseFromString(merge.Finish()));
  return history;
}

TEST(HistoryMergeTest, TrimsTheOldest) {
  const v1::History history = MergeAll(
      {AppendOf("a", 1, 7, 2), AppendOf("b", 2, 8, 2), AppendOf("c", 3, 9, 2)});
  EXPECT_EQ(Events(history), "b@2 c@3");
  EXPECT_EQ(history.count(), 3);
  EXPECT_EQ(history.epoch(), 7);
}

TEST(HistoryMergeTest, LateEventIsInsertedAndRaisesTheEpoch) {
  const v1::History history =
      MergeAll({AppendOf("a", 1, 1, 9), AppendOf("c", 3, 2, 9),
                AppendOf("b", 2, 3, 9), AppendOf("d", 3, 4, 9)});
  EXPECT_EQ(Events(history), "a@1 b@2 c@3 d@3");
  EXPECT_EQ(history.count(), 4);
  EXPECT_EQ(history.epoch(), 3);
}

TEST(HistoryMergeTest, LateEventBelowTheTrimmedOnesIsOnlyCounted) {
  const v1::History history =
      MergeAll({AppendOf("a", 10, 1, 2), AppendOf("b", 20, 2, 2),
                AppendOf("c", 30, 3, 2), AppendOf("late", 5, 4, 2)});
  EXPECT_EQ(Events(history), "b@20 c@30");
  EXPECT_EQ(history.count(), 4);
  EXPECT_EQ(history.epoch(), 4);
  // Also when a deletion made room: it is not known what belongs there.
  const v1::History after_deletion =
      MergeAll({AppendOf("a", 10, 1, 2), AppendOf("b", 20, 2, 2),
                AppendOf("c", 30, 3, 2), DeletionOf("c", 4),
                AppendOf("late", 5, 5, 2), AppendOf("d", 20, 6, 2)});
  EXPECT_EQ(Events(after_deletion), "b@20 d@20");
  EXPECT_EQ(after_deletion.count(), 4);
}

TEST(HistoryMergeTest, LateEventIntoAFullHistoryPushesTheOldestOut) {
  const v1::History history =
      MergeAll({AppendOf("a", 10, 1, 2), AppendOf("c", 30, 2, 2),
                AppendOf("b", 20, 3, 2)});
  EXPECT_EQ(Events(history), "b@20 c@30");
  EXPECT_EQ(history.count(), 3);
  // Itself, if it is the oldest.
  const v1::History oldest =
      MergeAll({AppendOf("b", 20, 1, 2), AppendOf("c", 30, 2, 2),
                AppendOf("a", 10, 3, 2)});
  EXPECT_EQ(Events(oldest), "b@20 c@30");
  EXPECT_EQ(oldest.count(), 3);
  EXPECT_EQ(oldest.epoch(), 3);
}

TEST(HistoryMergeTest, DeletionWithoutEffectLeavesTheEpoch) {
  const v1::History history = MergeAll(
      {AppendOf("a", 1, 1, 9), AppendOf("b", 2, 2, 9), DeletionOf("x", 3)});
  EXPECT_EQ(history.epoch(), 1);
  EXPECT_EQ(history.count(), 2);
  const v1::History deleted = MergeAll(
      {AppendOf("a", 1, 1, 9), AppendOf("b", 2, 2, 9), DeletionOf("a", 3),
       DeletionOf("b", 4), AppendOf("c", -1, 5, 9)});
  EXPECT_EQ(deleted.epoch(), 4);
  EXPECT_EQ(deleted.count(), 1);
  EXPECT_EQ(Events(deleted), "c@-1");
}

TEST(HistoryMergeTest, RefusesMalformedBytes) {
  HistoryMerge merge;
  EXPECT_FALSE(merge.Start("\x0a"));
  ASSERT_TRUE(merge.Start(std::nullopt));
  EXPECT_FALSE(merge.Apply("\xff"));
  v1::HistoryOperations neither;
  neither.add_operations()->set_serial(1);
  EXPECT_FALSE(merge.Apply(neither.SerializeAsString()));
  v1::HistoryOperations no_limit = AppendOf("a", 1, 1, 0);
  EXPECT_FALSE(merge.Apply(no_limit.SerializeAsString()));
  std::string cut = AppendOf("item", 1, 1, 5).SerializeAsString();
  cut.pop_back();
  EXPECT_FALSE(merge.Apply(cut));
}

// What histories mean, without bytes, operands or limits on memory.
class ModelHistory {
 public:
  void Append(const std::string& item, int64_t key, size_t limit) {
    ++count_;
    const bool at_end = kept_.empty() || key >= kept_.back().first;
    if (born_ && !at_end) ++epoch_changes_;
    born_ = true;
    if (!kept_.empty() && trimmed_ > 0 && key < kept_.front().first) {
      ++trimmed_;
      return;
    }
    kept_.emplace_back(key, item);
    std::stable_sort(kept_.begin(), kept_.end(),
                     [](auto& a, auto& b) { return a.first < b.first; });
    if (kept_.size() > limit) {
      kept_.erase(kept_.begin());
      ++trimmed_;
    }
  }
  void Delete(const std::string& item) {
    const size_t removed = std::erase_if(
        kept_, [&](const auto& event) { return event.second == item; });
    count_ -= static_cast<int64_t>(removed);
    if (removed > 0) ++epoch_changes_;
  }
  void DeleteAll() {
    const int64_t epochs = epoch_changes_ + 1;
    *this = ModelHistory();
    epoch_changes_ = epochs;
  }

  std::string Text() const {
    std::string text;
    for (const auto& [key, item] : kept_) {
      text += (text.empty() ? "" : " ") + item + "@" + std::to_string(key);
    }
    return text;
  }
  int64_t count() const { return count_; }
  int64_t epoch_changes() const { return epoch_changes_; }

 private:
  std::vector<std::pair<int64_t, std::string>> kept_;
  int64_t count_ = 0;
  int64_t trimmed_ = 0;
  int64_t epoch_changes_ = 0;
  bool born_ = false;
};

// Random appends, late events and deletions in random groups, with flushes,
// compactions and reopenings between them, against the model.
class HistoryPropertyTest : public ::testing::TestWithParam<uint64_t> {};

TEST_P(HistoryPropertyTest, EqualsTheModel) {
  constexpr int kLimit = 8;
  constexpr int kUsers = 3;
  TemporaryDirectory directory;
  OpenOptions options = WriterOptions(directory.path() + "/db");
  options.history_limit = kLimit;
  auto database = MustOpen(options);
  ASSERT_NE(database, nullptr);
  options.history_limit = 100;  // the stored one counts
  auto follower = MustOpen(FollowerOptions(options.path));
  ASSERT_NE(follower, nullptr);

  Rng rng(GetParam());
  ModelHistory models[kUsers];
  std::pair<int64_t, int64_t> epochs[kUsers];  // the model's, the database's
  int64_t clock = 0;
  for (int step = 0; step < 120; ++step) {
    WriteGroup group;
    const uint64_t operations = 1 + rng.Below(step % 10 == 0 ? 100 : 6);
    for (uint64_t i = 0; i < operations; ++i) {
      const uint64_t user = rng.Below(kUsers);
      const std::string user_id = "u" + std::to_string(user);
      const std::string item = "i" + std::to_string(rng.Below(6));
      const uint64_t kind = rng.Below(100);
      if (kind < 80) {
        // A quarter is late, by more or less; a few times are equal.
        clock += static_cast<int64_t>(rng.Below(3));
        const int64_t key = rng.Bernoulli(0.25)
                                ? clock - static_cast<int64_t>(rng.Below(40))
                                : clock;
        ASSERT_OK(Append(group, MakeEvent(user_id, item, key)));
        models[user].Append(item, key, kLimit);
      } else if (kind < 97) {
        ASSERT_OK(group.DeleteUserItemEvents(user_id, item));
        models[user].Delete(item);
      } else if (kind < 99) {
        ASSERT_OK(group.DeleteUserEvents(user_id));
        models[user].DeleteAll();
      } else {
        ASSERT_OK(group.DeleteUser(user_id));
        models[user].DeleteAll();
      }
    }
    ASSERT_OK(database->Write(std::move(group)));
    switch (rng.Below(12)) {
      case 0:
        ASSERT_OK(database->Flush());
        break;
      case 1:
        ASSERT_OK(database->Compact());
        break;
      case 2:
        database.reset();
        database = MustOpen(options);
        ASSERT_NE(database, nullptr);
        ASSERT_EQ(database->history_limit(), kLimit);
        break;
    }
    if (rng.Bernoulli(0.5)) {
      ASSERT_OK(follower->CatchUp());
      ASSERT_EQ(Dump(*follower), Dump(*database));
    }
    for (int user = 0; user < kUsers; ++user) {
      const auto history = database->GetHistory("u" + std::to_string(user));
      ASSERT_TRUE(history.ok()) << history.status();
      const ModelHistory& model = models[user];
      ASSERT_EQ(Events(*history), model.Text()) << "step " << step;
      ASSERT_EQ(history->count(), model.count()) << "step " << step;
      if (history->count() == 0) continue;  // deleted: no epoch to compare
      auto& [model_epoch, epoch] = epochs[user];
      if (model.epoch_changes() == model_epoch && epoch != 0) {
        ASSERT_EQ(history->epoch(), epoch) << "step " << step;
      } else {
        ASSERT_GT(history->epoch(), epoch) << "step " << step;
      }
      model_epoch = model.epoch_changes();
      epoch = history->epoch();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, HistoryPropertyTest,
                         ::testing::Range<uint64_t>(1, 5));

}  // namespace
}  // namespace attune::storage
