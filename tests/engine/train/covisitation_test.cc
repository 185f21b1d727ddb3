#include "engine/train/covisitation.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <vector>

#include "base/rng.h"
#include "tests/engine/train/item_lists.h"

namespace attune {
namespace {

std::vector<std::vector<int32_t>> RandomSequences(int users, int items,
                                                  int length) {
  Rng rng(21);
  std::vector<std::vector<int32_t>> sequences(users);
  for (auto& sequence : sequences) {
    const int own = 1 + static_cast<int>(rng.Below(length));
    for (int i = 0; i < own; ++i) {
      // The smaller of two draws: some items are popular, some repeat.
      sequence.push_back(
          static_cast<int32_t>(std::min(rng.Below(items), rng.Below(items))));
    }
  }
  return sequences;
}

float WeightOf(std::span<const Neighbour> row, int32_t item) {
  for (const Neighbour& entry : row) {
    if (entry.item == item) return entry.weight;
  }
  return 0;
}

TEST(CovisitationTest, CountsDistinctUsersAndForwardSteps) {
  ThreadPool pool(2);
  const auto table =
      Covisitation::Build(Lists({{0, 1, 0, 2}, {1, 0}, {1}}), 4, {}, pool);
  ASSERT_TRUE(table.ok()) << table.status();
  EXPECT_FLOAT_EQ(WeightOf(table->cooccurrences().row(0), 1),
                  2 / std::sqrt(6.0f));
  EXPECT_FLOAT_EQ(WeightOf(table->cooccurrences().row(2), 0),
                  1 / std::sqrt(2.0f));
  EXPECT_TRUE(table->cooccurrences().row(3).empty());
  const double e1 = std::exp(-1), e2 = std::exp(-2), e3 = std::exp(-3);
  // 0 -> 1: once, lag 1. 0 -> 2: lags 3 and 1. 0 -> 0 does not count.
  const double out0 = e1 + e3 + e1;
  EXPECT_FLOAT_EQ(WeightOf(table->transitions().row(0), 1),
                  static_cast<float>(e1 / std::sqrt(out0 * e1)));
  EXPECT_FLOAT_EQ(
      WeightOf(table->transitions().row(0), 2),
      static_cast<float>((e3 + e1) / std::sqrt(out0 * (e3 + e2 + e1))));
  EXPECT_EQ(WeightOf(table->transitions().row(2), 0), 0);
}

TEST(CovisitationTest, RowsHoldTheStrongestFirst) {
  ThreadPool pool(2);
  const auto sequences = Lists(RandomSequences(200, 60, 20));
  const auto all = Covisitation::Build(sequences, 60, {.neighbours = 60}, pool);
  const auto top = Covisitation::Build(sequences, 60, {.neighbours = 7}, pool);
  ASSERT_TRUE(all.ok() && top.ok());
  const auto check = [](const NeighbourTable& whole,
                        const NeighbourTable& cut) {
    for (int32_t i = 0; i < 60; ++i) {
      const auto want = whole.row(i), have = cut.row(i);
      ASSERT_EQ(have.size(), std::min<size_t>(7, want.size()));
      for (size_t k = 0; k < have.size(); ++k) EXPECT_EQ(have[k], want[k]);
      for (size_t k = 1; k < want.size(); ++k) {
        EXPECT_TRUE(want[k - 1].weight > want[k].weight ||
                    (want[k - 1].weight == want[k].weight &&
                     want[k - 1].item < want[k].item));
      }
    }
  };
  check(all->cooccurrences(), top->cooccurrences());
  check(all->transitions(), top->transitions());
}

TEST(CovisitationTest, SameForAnyNumberOfThreads) {
  const auto sequences = Lists(RandomSequences(300, 500, 40));
  ThreadPool one(1), four(4);
  const auto a = Covisitation::Build(sequences, 500, {.neighbours = 9}, one);
  const auto b = Covisitation::Build(sequences, 500, {.neighbours = 9}, four);
  EXPECT_FALSE(a->transitions().entries().empty());
  EXPECT_EQ(a->cooccurrences(), b->cooccurrences());
  EXPECT_EQ(a->transitions(), b->transitions());
}

// The claim of OwnUser, against counting again without the user.
TEST(CovisitationTest, OwnUserEqualsCountingWithoutTheUser) {
  constexpr int kItems = 40;
  auto sequences = RandomSequences(60, kItems, 25);
  ThreadPool pool(1);
  const CovisitationOptions options{.neighbours = kItems, .max_sequence = 15};
  const auto table =
      Covisitation::Build(Lists(sequences), kItems, options, pool);
  Covisitation::OwnUser own(*table);
  int vanished = 0;
  for (size_t user = 0; user < sequences.size(); ++user) {
    auto others = sequences;
    others[user].clear();
    const auto want = Covisitation::Build(Lists(others), kItems, options, pool);
    own.Set(sequences[user]);
    for (int32_t i = 0; i < kItems; ++i) {
      for (const Neighbour& entry : table->cooccurrences().row(i)) {
        const float exact = WeightOf(want->cooccurrences().row(i), entry.item);
        ASSERT_NEAR(own.Cooccurrence(i, entry), exact, 1e-6);
        ASSERT_EQ(own.Cooccurrence(i, entry) == 0, exact == 0);
        vanished += exact == 0;
      }
      for (const Neighbour& entry : table->transitions().row(i)) {
        const float exact = WeightOf(want->transitions().row(i), entry.item);
        ASSERT_NEAR(own.Transition(i, entry), exact, 1e-6);
        ASSERT_EQ(own.Transition(i, entry) == 0, exact == 0);
      }
    }
  }
  EXPECT_GT(vanished, 0);  // pairs that only one user made were met
}

TEST(CovisitationTest, OwnUserDropsWhatOnlyTheUserKeptInTheRow) {
  // Row 0 keeps one neighbour. With user 0, item 1 (2 / sqrt(5 · 2)) is before
  // item 2 (3 / sqrt(5 · 5)); without, 1 / sqrt(4 · 1) is behind 3 / sqrt(4 ·
  // 5).
  const std::vector<std::vector<int32_t>> sequences = {
      {0, 1}, {0, 1}, {0, 2}, {0, 2}, {0, 2}, {2}, {2}};
  ThreadPool pool(1);
  const auto table =
      Covisitation::Build(Lists(sequences), 3, {.neighbours = 1}, pool);
  const Neighbour kept = table->cooccurrences().row(0)[0];
  ASSERT_EQ(kept.item, 1);
  Covisitation::OwnUser own(*table);
  own.Set(sequences[0]);
  EXPECT_EQ(own.Cooccurrence(0, kept), 0);
  own.Set(sequences[2]);  // does not have item 1
  EXPECT_FLOAT_EQ(own.Cooccurrence(0, kept), 2 / std::sqrt(4.0f * 2));
  own.Set({});
  EXPECT_EQ(own.Cooccurrence(0, kept), kept.weight);
}

TEST(CovisitationTest, RefusesBadOptions) {
  ThreadPool pool(1);
  const ItemLists lists = Lists({{0, 1}});
  for (const CovisitationOptions& options :
       {CovisitationOptions{.neighbours = 0},
        CovisitationOptions{.transition_window = 0},
        CovisitationOptions{.transition_decay = 0},
        CovisitationOptions{.transition_decay = 0.01f},
        CovisitationOptions{.max_sequence = -1}}) {
    EXPECT_EQ(Covisitation::Build(lists, 2, options, pool).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace attune
