#include "engine/io/id_field.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/strings.h"
#include "engine/io/record_reader.h"
#include "temp_files.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using Kind = RecordField::Kind;

RecordField Field(Kind kind, std::string_view text) {
  RecordField field;
  field.kind = kind;
  field.text = text;
  return field;
}

TEST(IdFieldTest, TakesStringsWholeNumbersAndCells) {
  EXPECT_EQ(IdOf(Field(Kind::kText, "7.0")).value(), "7.0");
  EXPECT_EQ(IdOf(Field(Kind::kNumber, "7")).value(), "7");
  EXPECT_EQ(IdOf(Field(Kind::kNumber, "-12")).value(), "-12");
  EXPECT_EQ(
      IdOf(Field(Kind::kNumber, "123456789012345678901234567890")).value(),
      "123456789012345678901234567890");
  EXPECT_EQ(IdOf(Field(Kind::kCell, "7.0")).value(), "7.0");
}

TEST(IdFieldTest, RefusesWhatWouldBeAnotherIdElsewhere) {
  for (const auto& [kind, text] :
       {std::pair<Kind, const char*>{Kind::kNumber, "7.0"},
        {Kind::kNumber, "7e1"},
        {Kind::kBoolean, "true"},
        {Kind::kList, ""}}) {
    const auto id = IdOf(Field(kind, text));
    EXPECT_EQ(id.status().message(),
              StrCat("not an id, which is a string or a whole number (got ",
                     kind == Kind::kList ? "a list" : text, ")"));
  }
}

class IdListTest : public TempFilesTest {};

TEST_F(IdListTest, ListsKnowTheKindsOfTheirElements) {
  const std::string path =
      WriteFile("r.jsonl",
                "{\"a\":[\"x\",7,null],\"b\":[true],\"c\":[1.5],\"d\":\"x|y\","
                "\"e\":[\"\"],\"f\":[]}\n");
  const auto reader = RecordReader::Open(path);
  ASSERT_TRUE(reader.ok()) << reader.status();
  Record record;
  ASSERT_TRUE((*reader)->Next(&record).value());
  EXPECT_THAT(IdListOf(record.fields[0]).value(), ElementsAre("x", "7"));
  EXPECT_FALSE(IdListOf(record.fields[1]).ok());
  EXPECT_FALSE(IdListOf(record.fields[2]).ok());
  EXPECT_EQ(IdListOf(record.fields[3]).status().message(),
            "not a list of ids (got \"x|y\")");
  EXPECT_EQ(IdListOf(record.fields[4]).status().message(), "holds an empty id");
  EXPECT_TRUE(IdListOf(record.fields[5]).value().empty());
  EXPECT_THAT(IdListOf(Field(Kind::kCell, "x|y")).value(),
              ElementsAre("x", "y"));
  EXPECT_FALSE(IdListOf(Field(Kind::kCell, "x||y")).ok());
}

}  // namespace
}  // namespace attune
