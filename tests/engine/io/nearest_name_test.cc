#include "engine/io/nearest_name.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

constexpr std::string_view kNames[] = {"ingest", "train",  "evaluate", "rank",
                                       "batch",  "epochs", "patience"};

TEST(NearestNameTest, FindsWhatWasMeant) {
  EXPECT_EQ(NearestName("epoch", kNames), "epochs");
  EXPECT_EQ(NearestName("Epochs", kNames), "epochs");
  EXPECT_EQ(NearestName("pateince", kNames), "patience");
  EXPECT_EQ(NearestName("rnak", kNames), "rank");
  EXPECT_EQ(NearestName("evalute", kNames), "evaluate");
}

TEST(NearestNameTest, IsSilentAboutWhatIsFar) {
  EXPECT_EQ(NearestName("bogus", kNames), "");
  EXPECT_EQ(NearestName("", kNames), "");
  EXPECT_EQ(NearestName(std::string(100'000, 'e'), kNames), "");
  EXPECT_EQ(NearestName("epochs", {}), "");
}

TEST(NearestNameTest, TheFirstOfEquallyNearOnes) {
  constexpr std::string_view kPair[] = {"abcd", "abce"};
  EXPECT_EQ(NearestName("abcf", kPair), "abcd");
}

TEST(NearestNameTest, MakesAHint) {
  EXPECT_EQ(DidYouMean("epoch", kNames), "; did you mean \"epochs\"?");
  EXPECT_EQ(DidYouMean("bogus", kNames), "");
}

}  // namespace
}  // namespace attune
