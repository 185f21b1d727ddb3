#include "engine/train/id_table.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

namespace attune {
namespace {

TEST(IdTableTest, NumbersIdsInByteOrder) {
  const IdTable table({"b", "10", "a", "9", "b", ""});
  ASSERT_EQ(table.size(), 5);
  EXPECT_EQ(table.name(0), "");
  EXPECT_EQ(table.name(1), "10");
  EXPECT_EQ(table.name(2), "9");
  EXPECT_EQ(table.name(4), "b");
  for (int32_t i = 0; i < table.size(); ++i) {
    EXPECT_EQ(table.Find(table.name(i)), i);
  }
  EXPECT_EQ(table.Find("aa"), std::nullopt);
  EXPECT_EQ(table.Find("c"), std::nullopt);
}

TEST(IdTableTest, EmptyTableFindsNothing) {
  EXPECT_EQ(IdTable().size(), 0);
  EXPECT_EQ(IdTable(std::vector<std::string>()).Find("a"), std::nullopt);
}

}  // namespace
}  // namespace attune
