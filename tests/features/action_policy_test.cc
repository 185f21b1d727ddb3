#include "features/action_policy.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace attune::features {
namespace {

TEST(ActionPolicyTest, DefaultsLeaveOutWhatSaysNo) {
  const ActionPolicy policy;
  for (const char* name :
       {"impression", "return", "dislike", "hate", "is_hate"}) {
    EXPECT_FALSE(policy.EntersHistory(name)) << name;
    EXPECT_FALSE(policy.IsPositive(name)) << name;
  }
  for (const char* name : {"view", "purchase", "rating", "anything"}) {
    EXPECT_TRUE(policy.EntersHistory(name)) << name;
    EXPECT_TRUE(policy.IsPositive(name)) << name;
    EXPECT_EQ(policy.Weight(name), 1.0) << name;
  }
  EXPECT_EQ(policy.default_action(), "view");
}

TEST(ActionPolicyTest, RulesReplaceDefaults) {
  ActionPolicy policy;
  policy.SetRule({"view", true, false, 0.25});
  policy.SetRule({"return", true, false, 2.0});
  EXPECT_TRUE(policy.EntersHistory("view"));
  EXPECT_FALSE(policy.IsPositive("view"));
  EXPECT_EQ(policy.Weight("view"), 0.25);
  EXPECT_TRUE(policy.EntersHistory("return"));
  policy.SetRule({"view", false, true, 3.0});
  EXPECT_EQ(policy.rules().size(), 2u);
  EXPECT_FALSE(policy.EntersHistory("view"));
  EXPECT_EQ(policy.RuleFor("view").weight, 3.0);
}

TEST(ActionPolicyTest, DefaultOrderOfStrength) {
  const ActionPolicy policy;
  const std::vector<std::string> expected = {
      "purchase", "share",     "comment", "follow", "like",
      "bookmark", "long_view", "click",   "view",   "zoom"};
  std::vector<std::string> names = expected;
  std::reverse(names.begin(), names.end());
  std::sort(names.begin(), names.end(),
            [&](const std::string& a, const std::string& b) {
              return policy.IsStronger(a, b);
            });
  EXPECT_EQ(names, expected);
  EXPECT_TRUE(policy.IsStronger("buy", "purchase"));  // equal group: by name
  EXPECT_FALSE(policy.IsStronger("like", "like"));
}

TEST(ActionPolicyTest, ConfiguredOrderComesFirst) {
  ActionPolicy policy;
  policy.SetOrder({"view", "subscribe"});
  EXPECT_TRUE(policy.IsStronger("view", "subscribe"));
  EXPECT_TRUE(policy.IsStronger("subscribe", "purchase"));
  EXPECT_TRUE(policy.IsStronger("purchase", "click"));
}

}  // namespace
}  // namespace attune::features
