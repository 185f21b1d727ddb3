// Requests without candidates: a policy's rules hold for the whole catalogue,
// not for what the match term found before them.
#include <gmock/gmock.h>

#include <map>
#include <set>

#include "base/rng.h"
#include "engine/retrieval_filter.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::StartsWith;

constexpr int kCommon = 3000;
constexpr int kRare = 40;

/// The shop with 3,000 books about rivers, which users of its kind like, and 40
/// cook books, which stand far behind them.
class RetrievalTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    engine_ = Open(std::move(options));
    ASSERT_NE(engine_, nullptr);
    std::vector<v1::Item> items;
    for (int i = 0; i < kCommon; ++i) {
      v1::Item& item = items.emplace_back();
      item.set_item_id("common" + std::to_string(i));
      item.set_title("river and boat");
      item.add_tags("river");
      item.add_categories("nature");
      item.add_categories("shelf " + std::to_string(i % 100));
    }
    for (int i = 0; i < kRare; ++i) {
      v1::Item& item = items.emplace_back();
      item.set_item_id("rare" + std::to_string(i));
      item.set_title("bread and oven");
      item.add_tags("bread");
      item.add_categories("cooking");
      item.set_unavailable(i >= 30);
    }
    ASSERT_TRUE(engine_->PutItems(items).ok());
  }
  void TearDown() override {
    engine_.reset();
    ShopTest::TearDown();
  }

  v1::RankResponse Rank(const v1::RankRequest& request) {
    const auto response = engine_->Rank(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::RankResponse();
  }
  static v1::RankRequest Retrieval() {
    v1::RankRequest request = Request("user0", 0, 0);  // of the river's kind
    request.set_without_state(true);
    return request;
  }

  std::unique_ptr<Engine> engine_;
};

TEST_F(RetrievalTest, ARareCategoryComesBackFull) {
  // What is asked for stands behind the 1,000 best.
  const v1::RankResponse best = Rank(Retrieval());
  for (const v1::RankedItem& item : best.items()) {
    ASSERT_THAT(item.item_id(), ::testing::Not(StartsWith("rare")));
  }
  v1::RankRequest request = Retrieval();
  request.mutable_policy()->add_require_categories("cooking");
  request.mutable_policy()->add_require_categories("no such category");
  const v1::RankResponse response = Rank(request);
  ASSERT_EQ(response.items_size(), 30);
  EXPECT_EQ(response.candidates_scored(), 30u);
  EXPECT_EQ(response.filtered().other_category(),
            static_cast<uint32_t>(kCommon + TrainedShop::kItems));
  EXPECT_EQ(response.filtered().unavailable(), 10u);
  // They have the scores and order that they have when they are given.
  v1::RankRequest given = request;
  for (int i = 0; i < kRare; ++i) {
    given.add_candidate_ids("rare" + std::to_string(i));
  }
  const v1::RankResponse expected = Rank(given);
  ASSERT_EQ(expected.items_size(), 30);
  for (int i = 0; i < 30; ++i) {
    EXPECT_THAT(response.items(i).item_id(), StartsWith("rare"));
    EXPECT_EQ(response.items(i).item_id(), expected.items(i).item_id());
    EXPECT_EQ(response.items(i).score(), expected.items(i).score());
  }
}

TEST_F(RetrievalTest, ExclusionsLeaveTheNextBest) {
  v1::RankRequest request = Retrieval();
  request.mutable_policy()->add_exclude_categories("nature");
  v1::RankResponse response = Rank(request);
  EXPECT_EQ(response.items_size(), TrainedShop::kItems + 30);
  EXPECT_EQ(response.filtered().excluded_category(),
            static_cast<uint32_t>(kCommon));

  request = Retrieval();
  const v1::RankResponse best = Rank(request);
  for (const v1::RankedItem& item : best.items()) {
    request.mutable_policy()->add_exclude_ids(item.item_id());
  }
  ASSERT_EQ(request.policy().exclude_ids_size(), 1000);
  response = Rank(request);
  EXPECT_EQ(response.items_size(), 1000);
  EXPECT_EQ(response.filtered().excluded_id(), 1000u);
  const std::set<std::string> excluded(request.policy().exclude_ids().begin(),
                                       request.policy().exclude_ids().end());
  for (const v1::RankedItem& item : response.items()) {
    EXPECT_FALSE(excluded.contains(item.item_id())) << item.item_id();
  }
}

TEST_F(RetrievalTest, SeenItemsAreCounted) {
  v1::RankRequest request = Retrieval();
  request.mutable_policy()->set_exclude_seen(true);
  request.mutable_policy()->add_exclude_categories("nature");
  const v1::RankResponse response = Rank(request);
  EXPECT_GT(response.filtered().seen(), 0u);
  EXPECT_EQ(response.items_size() + response.filtered().seen(),
            TrainedShop::kItems + 30u);
}

// "next" is a probability among the answer's candidates; the score is not.
TEST_F(RetrievalTest, ProbabilitiesOfNextSumToOne) {
  v1::RankRequest request = Request("user0", 0, 40);
  request.set_without_state(true);
  const v1::RankResponse wide = Rank(request);
  std::map<std::string, const v1::RankedItem*> items;
  double sum = 0;
  for (const v1::RankedItem& item : wide.items()) {
    items[item.item_id()] = &item;
    sum += item.task_probabilities(0);
  }
  EXPECT_NEAR(sum, 1, 1e-9);
  request.mutable_candidate_ids()->DeleteSubrange(10, 30);
  request.mutable_policy()->add_exclude_ids(TrainedShop::ItemId(0));
  const v1::RankResponse narrow = Rank(request);
  ASSERT_EQ(narrow.items_size(), 9);
  sum = 0;
  for (const v1::RankedItem& item : narrow.items()) {
    const v1::RankedItem& before = *items.at(item.item_id());
    EXPECT_EQ(item.score(), before.score());
    EXPECT_EQ(item.task_logits(0), before.task_logits(0));
    EXPECT_GT(item.task_probabilities(0), before.task_probabilities(0));
    sum += item.task_probabilities(0);
  }
  EXPECT_NEAR(sum, 1, 1e-9);
}

// Against the filter of given candidates, on random rows and policies.
TEST(RetrievalFilterTest, JudgesAsTheCandidateFilter) {
  Rng rng(2);
  const auto name = [&](int64_t of) {
    std::string text = std::to_string(rng.Below(of));
    text.insert(0, 1, 'c');
    return text;
  };
  for (int round = 0; round < 200; ++round) {
    v1::Policy policy;
    absl::flat_hash_set<std::string> seen_ids;
    policy.set_exclude_seen(rng.Bernoulli(0.5));
    policy.set_include_unavailable(rng.Bernoulli(0.5));
    for (uint64_t n = rng.Below(20); n > 0; --n)
      policy.add_exclude_ids(name(300));
    for (uint64_t n = rng.Below(20); n > 0; --n) seen_ids.insert(name(300));
    for (uint64_t n = rng.Below(4); n > 0; --n) {
      policy.add_exclude_categories(name(80));
    }
    for (uint64_t n = rng.Below(4); n > 0; --n) {
      policy.add_require_categories(name(80));
    }
    CatalogueBlock block(1);
    std::vector<v1::Item> items(CatalogueBlock::kRows);
    std::vector<FilterCandidate> candidates;
    for (v1::Item& item : items) {
      item.set_item_id(name(300));
      item.set_unavailable(rng.Bernoulli(0.2));
      std::vector<uint64_t> hashes;
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        item.add_categories(name(80));
        hashes.push_back(CatalogueHash(*item.categories().rbegin()));
      }
      const float x = 0;
      block.Set(block.rows, {item.item_id(), std::span(&x, 1), hashes, 0,
                             item.unavailable()});
      candidates.push_back(FilterCandidate::Of(item.item_id(), &item));
    }
    Workspace workspace;
    const IdSet seen = IdSet::Of(seen_ids, workspace);
    const CandidateFilter filter(policy, seen, workspace);
    std::vector<uint8_t> keep(items.size());
    const FilterCounts expected = filter.Apply(candidates, keep);
    const RetrievalFilter retrieval(policy, seen_ids);
    FilterCounts counts;
    for (size_t i = 0; i < items.size(); ++i) {
      int64_t FilterCounts::* const rule =
          retrieval.Judge(block, static_cast<int64_t>(i));
      ++(counts.*rule);
      EXPECT_EQ(rule == &FilterCounts::kept, keep[i] == 1) << i;
    }
    EXPECT_EQ(counts.excluded_id, expected.excluded_id);
    EXPECT_EQ(counts.unavailable, expected.unavailable);
    EXPECT_EQ(counts.seen, expected.seen);
    EXPECT_EQ(counts.excluded_category, expected.excluded_category);
    EXPECT_EQ(counts.other_category, expected.other_category);
  }
}

}  // namespace
}  // namespace attune
