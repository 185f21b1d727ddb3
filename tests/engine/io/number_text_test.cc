#include "engine/io/number_text.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(NumberTextTest, KnowsJsonsGrammar) {
  for (const char* text : {"0", "-0", "10", "1.5", "-1.25e-3", "1E+9", "0.0"}) {
    EXPECT_TRUE(IsJsonNumber(text)) << text;
  }
  for (const char* text : {"", "-", "01", "1.", ".5", "+1", "1e", "1e+", "0x1",
                           "1 ", " 1", "nan", "inf", "1_000", "1,5"}) {
    EXPECT_FALSE(IsJsonNumber(text)) << text;
  }
}

TEST(NumberTextTest, ParsesFiniteNumbersOnly) {
  EXPECT_EQ(ParseNumber("1.5"), 1.5);
  EXPECT_EQ(ParseNumber("-2e3"), -2000);
  EXPECT_EQ(ParseNumber("007"), 7);
  for (const char* text :
       {"", "nan", "inf", "-inf", "1e999", "0x10", "1 ", " 1", "1,5", "+1"}) {
    EXPECT_FALSE(ParseNumber(text).has_value()) << text;
  }
}

TEST(NumberTextTest, ParsesWholeNumbersExactly) {
  EXPECT_EQ(ParseInteger("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(ParseInteger("-5"), -5);
  EXPECT_EQ(ParseInteger("12.0"), 12);
  EXPECT_EQ(ParseInteger("1.2e1"), 12);
  for (const char* text :
       {"", "1.5", "9223372036854775808", "1e20", "abc", "1x"}) {
    EXPECT_FALSE(ParseInteger(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace attune
