#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "program_test_base.h"
#include "storage/database.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

class ShowCommandTest : public ProgramTest {
 protected:
  void SetUp() override {
    const ProgramResult result = Run(
        {"ingest", "--db", Path("db"), "--json", "--items",
         WriteFile("i.jsonl",
                   "{\"item_id\":\"b1\",\"title\":\"Emma\",\"tags\":[\"a\","
                   "\"b\"],\"year\":1815}\n{\"item_id\":\"b2\",\"title\":"
                   "\"\u7ea2\u697c\u68a6\"}\n"),
         "--users", WriteFile("u.tsv", "user_id\tage\nann\t34\n"), "--events",
         WriteFile("e.tsv",
                   "user_id\titem_id\taction\ttimestamp\n"
                   "ann\tb1\tview\t1600000000\nann\tb2\tbuy\t1600000060\n"
                   "bob\tb2\tview\t1600000000\n")});
    ASSERT_EQ(result.exit_code, 0) << result.errors;
    const Json json = Json::parse(result.output);
    EXPECT_TRUE(json["ok"].get<bool>());
    EXPECT_EQ(json["files"].size(), 3u);
    EXPECT_EQ(json["files"][2]["added"], 3);
  }

  std::string Show(std::vector<std::string> arguments, int exit_code = 0) {
    arguments.insert(arguments.begin(), {"show", "--db", Path("db")});
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, exit_code) << result.errors;
    return exit_code == 0 ? result.output : result.errors;
  }
};

TEST_F(ShowCommandTest, ShowsTheDatabase) {
  const std::string text = Show({});
  EXPECT_THAT(text, HasSubstr("items      2\n"));
  EXPECT_THAT(text, HasSubstr("events     3\n"));
  EXPECT_THAT(text, HasSubstr("users      1 with a record, 2 with a history"));
  EXPECT_THAT(text, HasSubstr("model      none published"));
  EXPECT_THAT(text, HasSubstr("year"));
  const Json json = Json::parse(Show({"--json"}));
  EXPECT_EQ(json["items"], 2);
  EXPECT_EQ(json["histories"], 2);
  EXPECT_EQ(json["format_version"], storage::kFormatVersion);
  EXPECT_TRUE(json["model"].is_null());
  EXPECT_EQ(json["schema"]["columns"].size(), 2u);
}

TEST_F(ShowCommandTest, ShowsAUser) {
  const std::string text = Show({"--user", "ann"});
  EXPECT_THAT(text, HasSubstr("2 stored events"));
  EXPECT_THAT(text, HasSubstr("2020-09-13 12:27:40"));
  EXPECT_THAT(text, HasSubstr("\u7ea2\u697c\u68a6"));
  // Newest first.
  EXPECT_LT(text.find("buy"), text.find("view"));
  const Json json = Json::parse(Show({"--user", "ann", "--json"}));
  EXPECT_EQ(json["features"]["age"], 34);
  ASSERT_EQ(json["history"].size(), 2u);
  EXPECT_EQ(json["history"][0]["item_id"], "b1");
  EXPECT_EQ(json["history"][1]["time_ms"], 1600000060000);
  EXPECT_EQ(Json::parse(
                Show({"--user", "ann", "--history", "1", "--json"}))["history"]
                .size(),
            1u);
  EXPECT_THAT(Show({"--user", "bob"}), HasSubstr("1 stored event"));
  EXPECT_THAT(Show({"--user", "eve"}, 1), HasSubstr("no user \"eve\""));
}

TEST_F(ShowCommandTest, ShowsAnItem) {
  const std::string text = Show({"--item", "b1"});
  EXPECT_THAT(text, HasSubstr("item b1: Emma"));
  EXPECT_THAT(text, HasSubstr("tags: a, b"));
  const Json json = Json::parse(Show({"--item", "b2", "--json"}));
  EXPECT_EQ(json["title"], "\u7ea2\u697c\u68a6");
  EXPECT_EQ(json["counters"]["buy"]["total"], 1);
  EXPECT_EQ(json["counters"]["view"]["total"], 1);
  EXPECT_THAT(Show({"--item", "b9"}, 1), HasSubstr("no item \"b9\""));
}

}  // namespace
}  // namespace attune
