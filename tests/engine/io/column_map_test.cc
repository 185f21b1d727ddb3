#include "engine/io/column_map.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace attune {
namespace {

using ::testing::HasSubstr;

TEST(ColumnMapTest, RenamesDropsAndKeeps) {
  const auto map = ColumnMap::Parse("item_id=book_id,order=pos", "rating");
  ASSERT_TRUE(map.ok()) << map.status();
  EXPECT_EQ(map->NewName("book_id"), "item_id");
  EXPECT_EQ(map->NewName("pos"), "order");
  EXPECT_EQ(map->NewName("rating"), "");
  EXPECT_EQ(map->NewName("title"), "title");
  EXPECT_TRUE(ColumnMap::Parse("").value().empty());
}

TEST(ColumnMapTest, RefusesWhatIsNoMap) {
  for (const char* text :
       {"a", "=b", "a=", "a=b=c", "a=b,", "a=b,a=c", "a=b,c=b"}) {
    EXPECT_TRUE(absl::IsInvalidArgument(ColumnMap::Parse(text).status()))
        << text;
  }
  EXPECT_FALSE(ColumnMap::Parse("a=b", "b").ok());
  EXPECT_FALSE(ColumnMap::Parse("", "b,b").ok());
}

TEST(ColumnMapTest, ASourceThatIsNotThereIsNamedWithThoseThatAre) {
  const ColumnMap map = ColumnMap::Parse("item_id=book", "x").value();
  EXPECT_TRUE(map.CheckSources({"book", "x", "y"}, "f.tsv").ok());
  const absl::Status wrong = map.CheckSources({"book_id", "x"}, "f.tsv");
  EXPECT_TRUE(absl::IsInvalidArgument(wrong));
  EXPECT_THAT(std::string(wrong.message()),
              HasSubstr("--map: there is no column \"book\" in f.tsv; the "
                        "columns are: book_id, x"));
  EXPECT_FALSE(map.CheckSources({"book"}, "f.tsv").ok());
}

TEST(ColumnMapTest, DefaultsYieldToTheMapAndNeedNotBeThere) {
  ColumnMap map = ColumnMap::Parse("item_id=sku").value();
  map.AddDefaults({{"item_id", "book_id"}, {"order", "pos"}});
  EXPECT_EQ(map.NewName("book_id"), "book_id");
  EXPECT_EQ(map.NewName("sku"), "item_id");
  EXPECT_EQ(map.NewName("pos"), "order");
  EXPECT_TRUE(map.CheckSources({"sku"}, "f.tsv").ok());
}

}  // namespace
}  // namespace attune
