#include "engine/train/active_items.h"

#include <gtest/gtest.h>

#include <string>

#include "base/strings.h"

namespace attune {
namespace {

// Eight users with the items 0 to 4 of 30 and a last one, item 5 + user, of
// which training sees nothing.
Dataset Shop() {
  DatasetBuilder builder;
  const int16_t click = *builder.AddAction("click");
  for (int i = 0; i < 30; ++i) builder.AddItem(StrCat("i", 10 + i));
  for (int u = 0; u < 8; ++u) {
    const int32_t user = builder.AddUser(StrCat("u", u));
    for (int i = 0; i < 6; ++i) {
      builder.AddInteraction(user, {.item = i < 5 ? i : i + u,
                                    .action = click,
                                    .positive = true,
                                    .sort_key = i});
    }
  }
  return std::move(builder).Build();
}

TEST(ActiveItemsTest, WhatTrainingHasNotSeenIsNoNegative) {
  const Dataset dataset = Shop();
  const auto split = Split::Create(dataset, {});
  ASSERT_TRUE(split.ok()) << split.status();
  ActiveItems all(*split, {});
  EXPECT_EQ(std::vector<int32_t>(all.list().begin(), all.list().end()),
            (std::vector<int32_t>{0, 1, 2, 3}));  // item 4 is for validation
  EXPECT_EQ(all.index()[3], 3);
  EXPECT_EQ(all.index()[4], -1);
  EXPECT_FALSE(all.Choose({}, 1));

  TrainOptions options;
  options.full_softmax_items = 3;
  options.sampled_negatives = 500;
  ActiveItems sampled(*split, options);
  ASSERT_TRUE(sampled.Choose({}, 1));
  EXPECT_EQ(sampled.list().size(), 4u);
  EXPECT_EQ(sampled.class_bias().size(), 4u);
  for (int32_t item = 4; item < split->item_count(); ++item) {
    EXPECT_EQ(sampled.index()[item], -1) << item;
  }
}

}  // namespace
}  // namespace attune
