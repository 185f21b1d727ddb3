#include "tools/attune/console.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(ConsoleTest, WritesNumbersForPeople) {
  EXPECT_EQ(WithCommas(0), "0");
  EXPECT_EQ(WithCommas(999), "999");
  EXPECT_EQ(WithCommas(1000), "1,000");
  EXPECT_EQ(WithCommas(-123456), "-123,456");
  EXPECT_EQ(WithCommas(1234567890), "1,234,567,890");
  EXPECT_EQ(Count(1, "event"), "1 event");
  EXPECT_EQ(Count(2000, "event"), "2,000 events");
  EXPECT_EQ(Count(0, "history", "histories"), "0 histories");
}

TEST(ConsoleTest, WritesSizesAndTimesForPeople) {
  EXPECT_EQ(Bytes(0), "0 B");
  EXPECT_EQ(Bytes(999), "999 B");
  EXPECT_EQ(Bytes(1000), "1.0 kB");
  EXPECT_EQ(Bytes(999'499), "999 kB");
  EXPECT_EQ(Bytes(999'600), "1.0 MB");
  EXPECT_EQ(Bytes(12'345'678'901), "12.3 GB");
  EXPECT_EQ(Duration(0.04), "0.0 s");
  EXPECT_EQ(Duration(9.94), "9.9 s");
  EXPECT_EQ(Duration(59.4), "59 s");
  EXPECT_EQ(Duration(187), "3:07 min");
  EXPECT_EQ(Duration(7389), "2:03:09 h");
  EXPECT_EQ(TimeText(1'292'526'540'123), "2010-12-16 19:09:00");
}

}  // namespace
}  // namespace attune
