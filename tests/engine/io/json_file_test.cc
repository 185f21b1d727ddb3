#include "engine/io/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "temp_files.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

class JsonFileTest : public TempFilesTest {};

TEST_F(JsonFileTest, WritesWhatItReads) {
  const nlohmann::json value = {{"b", 1}, {"a", {1.5, nullptr, "\u00e9"}}};
  const std::string path = Path("v.json");
  ASSERT_TRUE(WriteJsonFile(path, value).ok());
  const auto read = ReadJsonFile(path);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(*read, value);
  const std::string bytes = ReadFile(path);
  ASSERT_TRUE(WriteJsonFile(path, *read).ok());
  EXPECT_EQ(ReadFile(path), bytes);
  EXPECT_EQ(bytes.back(), '\n');
}

TEST_F(JsonFileTest, RefusesBrokenRepeatedAndTooDeep) {
  const struct {
    std::string text;
    const char* error;
  } kTable[] = {
      {"", "s: broken JSON"},
      {"{\"a\": 1,}", "s: broken JSON: parse error at line 1, column 9"},
      {"{\"a\": 1} x", "s: broken JSON"},
      {"{\"a\": 1, \"a\": 2}", "s: key \"a\" is there twice"},
      {"[{\"a\": {\"b\": 1, \"b\": 1}}]", "s: key \"b\" is there twice"},
      {"\"\xff\"", "s: broken JSON"},
      {std::string(100, '[') + std::string(100, ']'),
       "s: is nested deeper than 64"},
  };
  for (const auto& row : kTable) {
    const auto parsed = ParseJson(row.text, "s");
    EXPECT_TRUE(absl::IsInvalidArgument(parsed.status())) << row.text;
    EXPECT_THAT(std::string(parsed.status().message()), HasSubstr(row.error));
  }
  EXPECT_TRUE(ParseJson("{\"a\": {\"a\": 1}, \"b\": [{\"a\": 1}]}", "s").ok());
}

TEST_F(JsonFileTest, NamesUnknownKeys) {
  const nlohmann::json value = {{"a", 1}, {"bb", 2}};
  EXPECT_TRUE(CheckKeys(value, {"a", "bb"}, "x").ok());
  EXPECT_THAT(std::string(CheckKeys(value, {"a"}, "c.json").message()),
              HasSubstr("c.json: unknown key \"bb\""));
  EXPECT_FALSE(CheckKeys(nlohmann::json::array(), {}, "x").ok());
}

}  // namespace
}  // namespace attune
