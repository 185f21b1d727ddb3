#include "features/time_value.h"

#include <gtest/gtest.h>

#include <limits>

namespace attune::features {
namespace {

TEST(TimeValueTest, Dates) {
  EXPECT_EQ(ParseDateMs("1970-01-01"), 0);
  EXPECT_EQ(ParseDateMs("2022-04-10"), 1649548800000);
  EXPECT_EQ(ParseDateMs("2022-04-10T12:30:15.25Z"), 1649593815250);
  EXPECT_EQ(ParseDateMs("2022-04-10 12:30"), 1649593800000);
  EXPECT_EQ(ParseDateMs("2022-04-10T12:30:00+02:00"), 1649586600000);
  EXPECT_EQ(ParseDateMs("2000-02-29"), 951782400000);
  EXPECT_EQ(ParseDateMs("0001-01-01"), -62135596800000);
  EXPECT_EQ(ParseDateMs("9999-12-31"), 253402214400000);
}

TEST(TimeValueTest, NoDates) {
  for (const char* text :
       {"", "2022", "2022-4-10", "2022-13-01", "2022-02-30", "1900-02-29",
        "0000-01-01", "2022-04-10T", "2022-04-10T25:00", "2022-04-10x",
        "2022-04-10T12:30:", "2022-04-10T12:30+1", "12345678901"}) {
    EXPECT_EQ(ParseDateMs(text), std::nullopt) << text;
  }
}

TEST(TimeValueTest, Numbers) {
  EXPECT_EQ(NumberToTimeMs(1649548800), 1649548800000);
  EXPECT_EQ(NumberToTimeMs(1649548800000), 1649548800000);
  EXPECT_EQ(NumberToTimeMs(-1), -1000);
  EXPECT_EQ(NumberToTimeMs(1e300), std::nullopt);
  EXPECT_EQ(NumberToTimeMs(std::numeric_limits<double>::quiet_NaN()),
            std::nullopt);
}

}  // namespace
}  // namespace attune::features
