#include "features/item_features.h"

#include <gtest/gtest.h>

#include <cmath>

#include "base/rng.h"

namespace attune::features {
namespace {

ItemFeatures Sample() {
  ItemFeatures item;
  item.item_key = 0xfedcba9876543210;
  item.text_tokens = {0, 5, 300, INT32_MAX};
  item.attribute_tokens = {1, 127, 128};
  item.attribute_keys = {MakeAttributeKey(0, 1ull << 60),
                         MakeAttributeKey(0, 2ull << 60),
                         MakeAttributeKey(3, 1ull << 20)};
  item.attribute_idf = {1, 255, 16};
  item.numeric = {-4.0f, 0.0f, 1.5f, 1.0f};
  item.times_ms = {ItemFeatures::kMissingTime, 1649548800000, -5};
  item.series_number = 12;
  item.unavailable = true;
  return item;
}

TEST(ItemFeaturesTest, RoundTripIsExact) {
  for (const ItemFeatures& item : {Sample(), ItemFeatures()}) {
    ItemFeatures again = Sample();
    ASSERT_TRUE(again.Parse(item.Serialize()).ok());
    EXPECT_TRUE(again == item);
    EXPECT_EQ(again.Serialize(), item.Serialize());
  }
}

TEST(ItemFeaturesTest, EveryPrefixAndExtensionIsRefused) {
  const std::string bytes = Sample().Serialize();
  ItemFeatures item;
  for (size_t length = 0; length < bytes.size(); ++length) {
    EXPECT_FALSE(item.Parse(bytes.substr(0, length)).ok()) << length;
    EXPECT_TRUE(item == ItemFeatures());
  }
  EXPECT_FALSE(item.Parse(bytes + '\0').ok());
}

TEST(ItemFeaturesTest, DamageNeverCrashesAndWhatParsesIsWellFormed) {
  const std::string good = Sample().Serialize();
  Rng rng(11);
  int parsed = 0;
  ItemFeatures item;
  for (int round = 0; round < 200000; ++round) {
    std::string bytes = good;
    if (round % 4 == 0) {
      bytes.resize(rng.Below(80));
      for (char& byte : bytes) byte = static_cast<char>(rng.Below(256));
      if (!bytes.empty()) bytes[0] = 1;
    } else {
      for (uint64_t k = rng.Below(4) + 1; k > 0; --k) {
        bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Below(256));
      }
    }
    if (!item.Parse(bytes).ok()) continue;
    ++parsed;
    EXPECT_EQ(item.Serialize(), bytes);  // one encoding per value
    EXPECT_EQ(item.attribute_keys.size(), item.attribute_idf.size());
    for (const int32_t token : item.text_tokens) EXPECT_GE(token, 0);
    for (const float value : item.numeric) EXPECT_LE(std::abs(value), 4.0f);
    for (const uint64_t key : item.attribute_keys) {
      EXPECT_LT(AttributeField(key), kMaxMatchFields);
    }
  }
  EXPECT_GT(parsed, 100);
}

TEST(ItemFeaturesTest, RefusesWhatIsNotFinite) {
  for (const float bad : {std::nanf(""), INFINITY, 4.5f, -4.5f}) {
    ItemFeatures item = Sample();
    item.numeric[0] = bad;
    ItemFeatures again;
    EXPECT_FALSE(again.Parse(item.Serialize()).ok()) << bad;
  }
}

}  // namespace
}  // namespace attune::features
