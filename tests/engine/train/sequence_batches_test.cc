#include "engine/train/sequence_batches.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

namespace attune {
namespace {

constexpr int64_t kDay = 86'400'000;

// Users 0 and 1 with five events, user 2 with impressions only, user 3 with one
// impression that training may not see.
Dataset ShownDataset() {
  DatasetBuilder builder;
  const int16_t click = *builder.AddAction("click");
  const int bit = *builder.AddTask("click");
  std::vector<int32_t> items;
  for (const char* id : {"a", "b", "c", "d", "e", "f"}) {
    items.push_back(builder.AddItem(id));
  }
  auto shown = [&](int32_t user, int item, int64_t time_ms, bool clicked) {
    Impression impression;
    impression.item = items[item];
    impression.sort_key = impression.time_ms = time_ms;
    impression.has_time = true;
    impression.followed = clicked ? 1u << bit : 0u;
    builder.AddImpression(user, impression);
  };
  const int32_t first = builder.AddUser("u0"), second = builder.AddUser("u1"),
                silent = builder.AddUser("u2"), late = builder.AddUser("u3");
  for (int32_t user : {first, second}) {
    for (int i = 0; i < 5; ++i) {
      Interaction event;
      event.item = items[i];
      event.action = click;
      event.sort_key = event.time_ms = (1 + i * 2) * kDay;
      event.has_time = event.positive = true;
      builder.AddInteraction(user, event);
      shown(user, i, event.time_ms, true);
    }
  }
  for (int i = 0; i < 3; ++i) shown(silent, i, (2 + i) * kDay, false);
  shown(late, 5, 9 * kDay, false);
  return std::move(builder).Build();
}

TEST(SequenceBatchesTest, EveryUserBeginsWithAnEmptyHistory) {
  const Dataset dataset = ShownDataset();
  SplitOptions protocol;
  protocol.protocol = Protocol::kTimeSplit;
  protocol.test_days = 2;
  const auto split = Split::Create(dataset, protocol);
  ASSERT_TRUE(split.ok()) << split.status();
  ModelConfig config;
  config.tasks = {"next", "click"};
  const auto batches = SequenceBatches::Create(dataset, *split, config, {});
  ASSERT_TRUE(batches.ok()) << batches.status();
  for (const int stage : {0, 1}) {
    SCOPED_TRACE(stage);
    std::vector<int> starts(4), pieces(4);
    for (const SequenceBatches::Batch& batch : batches->Epoch(stage, 0)) {
      for (const TrainingSequence& piece : batch) {
        if (!piece.start) {
          ++pieces[piece.user];
          continue;
        }
        ++starts[piece.user];
        EXPECT_EQ(piece.rows(), 1);
        EXPECT_TRUE(piece.history(0).empty());
        EXPECT_EQ(piece.events.size(),
                  split->training(piece.user).empty() ? 0 : 1);
      }
    }
    // Only the decoder stage learns from impressions.
    EXPECT_EQ(starts, (std::vector<int>{1, 1, stage, 0}));
    EXPECT_EQ(pieces, (std::vector<int>{1, 1, 0, 0}));
  }
}

TEST(SequenceBatchesTest, OnlyWhatCameSinceIsATarget) {
  const Dataset dataset = ShownDataset();
  SplitOptions protocol;
  protocol.protocol = Protocol::kTimeSplit;
  protocol.test_days = 2;
  const auto split = Split::Create(dataset, protocol);
  ASSERT_TRUE(split.ok()) << split.status();
  ModelConfig config;
  config.window = 3;
  config.tasks = {"next", "click"};
  const auto all = SequenceBatches::Create(dataset, *split, config, {});
  ASSERT_TRUE(all.ok()) << all.status();
  // Every target, by user and time, as often as it is one.
  const auto targets = [](const SequenceBatches& batches, int stage) {
    std::multiset<std::pair<int32_t, int64_t>> result;
    for (const SequenceBatches::Batch& batch : batches.Epoch(stage, 0)) {
      for (const TrainingSequence& piece : batch) {
        const int64_t end = static_cast<int64_t>(piece.events.size());
        for (int64_t i = piece.start ? 0 : piece.loss_begin + 1; i < end; ++i) {
          result.emplace(piece.user, piece.events[i].sort_key);
        }
      }
    }
    return result;
  };
  for (const int stage : {0, 1}) {
    const auto everything = targets(*all, stage);
    ASSERT_FALSE(everything.empty());
    std::vector<int64_t> keys;
    for (const auto& [user, key] : everything) keys.push_back(key);
    std::sort(keys.begin(), keys.end());
    const int64_t since = keys[keys.size() / 2];
    const auto some =
        SequenceBatches::Create(dataset, *split, config, {}, since);
    ASSERT_TRUE(some.ok()) << some.status();
    auto expected = everything;
    std::erase_if(expected, [&](const auto& t) { return t.second < since; });
    ASSERT_LT(expected.size(), everything.size());
    ASSERT_FALSE(expected.empty());
    EXPECT_EQ(targets(*some, stage), expected) << stage;
  }
  const auto none =
      SequenceBatches::Create(dataset, *split, config, {}, 1000 * kDay);
  EXPECT_TRUE(absl::IsFailedPrecondition(none.status()));
}

}  // namespace
}  // namespace attune
