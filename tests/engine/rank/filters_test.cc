#include "engine/rank/filters.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

v1::Item MakeItem(std::string id, std::vector<std::string> categories,
                  bool unavailable = false) {
  v1::Item item;
  item.set_item_id(std::move(id));
  for (std::string& category : categories) {
    item.add_categories(std::move(category));
  }
  item.set_unavailable(unavailable);
  return item;
}

class FiltersTest : public ::testing::Test {
 protected:
  FiltersTest()
      : items_{MakeItem("a", {"crime"}), MakeItem("b", {"crime", "classic"}),
               MakeItem("c", {}), MakeItem("d", {"poetry"}, true),
               MakeItem("e", {"poetry"})} {
    for (const v1::Item& item : items_) {
      candidates_.push_back(FilterCandidate::Of(item.item_id(), &item));
    }
    candidates_.push_back(FilterCandidate::Of("unknown", nullptr));
  }

  // The ids that stay; the counts in counts_.
  std::vector<std::string> Kept(const v1::Policy& policy,
                                const std::vector<std::string>& seen = {}) {
    const IdSet set = IdSet::Of(seen, workspace_);
    const CandidateFilter filter(policy, set, workspace_);
    trivial_ = filter.IsTrivial();
    std::vector<uint8_t> keep(candidates_.size(), 7);
    counts_ = filter.Apply(candidates_, keep);
    std::vector<std::string> ids;
    for (size_t i = 0; i < keep.size(); ++i) {
      if (keep[i] == 1) ids.emplace_back(candidates_[i].item_id);
    }
    return ids;
  }

  using Ids = std::vector<std::string>;
  Workspace workspace_;
  std::vector<v1::Item> items_;
  std::vector<FilterCandidate> candidates_;
  FilterCounts counts_;
  bool trivial_ = false;
};

TEST_F(FiltersTest, TheDefaultTakesOutWhatIsNotAvailable) {
  EXPECT_EQ(Kept({}, {"a"}), (Ids{"a", "b", "c", "e", "unknown"}));
  EXPECT_TRUE(trivial_);
  EXPECT_EQ(counts_.unavailable, 1);
  EXPECT_EQ(counts_.kept, 5);
  v1::Policy policy;
  policy.set_include_unavailable(true);
  EXPECT_EQ(Kept(policy).size(), 6u);
}

TEST_F(FiltersTest, TakesOutSeenItemsOnlyIfAsked) {
  v1::Policy policy;
  policy.set_exclude_seen(true);
  EXPECT_EQ(Kept(policy, {"b", "unknown", "b", "elsewhere"}),
            (Ids{"a", "c", "e"}));
  EXPECT_FALSE(trivial_);
  EXPECT_EQ(counts_.seen, 2);
}

TEST_F(FiltersTest, Categories) {
  v1::Policy required;
  required.add_require_categories("classic");
  required.add_require_categories("poetry");
  EXPECT_EQ(Kept(required), (Ids{"b", "e"}));
  EXPECT_EQ(counts_.other_category, 3) << "an item without a record has none";
  v1::Policy excluded;
  excluded.add_exclude_categories("crime");
  EXPECT_EQ(Kept(excluded), (Ids{"c", "e", "unknown"}));
  EXPECT_EQ(counts_.excluded_category, 2);
  required.add_exclude_categories("crime");
  EXPECT_EQ(Kept(required), (Ids{"e"}));
}

TEST_F(FiltersTest, CountsEachCandidateOnceUnderItsFirstRule) {
  v1::Policy policy;
  policy.set_exclude_seen(true);
  policy.add_exclude_ids("d");
  policy.add_exclude_ids("e");
  policy.add_exclude_categories("poetry");
  policy.add_exclude_categories("crime");
  EXPECT_EQ(Kept(policy, {"a", "d", "e"}), (Ids{"c", "unknown"}));
  EXPECT_EQ(counts_.excluded_id, 2);
  EXPECT_EQ(counts_.unavailable, 0);
  EXPECT_EQ(counts_.seen, 1);
  EXPECT_EQ(counts_.excluded_category, 1);
  EXPECT_EQ(counts_.kept, 2);
}

TEST(IdSetTest, HoldsExactlyWhatWasPutIn) {
  Workspace workspace;
  Rng rng(5);
  std::vector<std::string> ids;
  for (int i = 0; i < 5000; ++i)
    ids.push_back(std::to_string(rng.Next() % 9999));
  ids.push_back("");
  const IdSet set = IdSet::Of(ids, workspace);
  const std::set<std::string> truth(ids.begin(), ids.end());
  EXPECT_EQ(set.size(), static_cast<int64_t>(truth.size()));
  for (int i = 0; i < 9999; ++i) {
    const std::string id = std::to_string(i);
    ASSERT_EQ(set.Contains(id), truth.contains(id)) << id;
  }
  EXPECT_TRUE(set.Contains(""));
  EXPECT_TRUE(set.Contains(std::string_view()));
  EXPECT_FALSE(IdSet().Contains(""));
  EXPECT_TRUE(IdSet::Of(std::vector<std::string>(), workspace).empty());
  IdSet nothing(1, workspace);
  nothing.Insert(std::string_view());
  EXPECT_TRUE(nothing.Contains(""));
}

}  // namespace
}  // namespace attune
