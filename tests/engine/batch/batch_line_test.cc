#include "engine/batch/batch_line.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/batch/gzip_member.h"

namespace attune {
namespace {

using Json = nlohmann::json;

v1::RankResponse TwoItems() {
  v1::RankResponse response;
  response.set_model("v1");
  v1::RankedItem* item = response.add_items();
  item->set_item_id("a:1");
  item->set_score(0.1 + 0.2);
  item->set_rank(1);
  item = response.add_items();
  item->set_item_id("b");
  item->set_score(-1e-300);
  item->set_rank(2);
  return response;
}

std::string Line(FileFormat::Kind kind, std::string_view user,
                 const v1::RankResponse& response, bool explain = false) {
  std::string line;
  AppendBatchLine(kind, user, response, explain, &line);
  return line;
}

constexpr auto kJson = FileFormat::Kind::kJsonLines;
constexpr auto kTsv = FileFormat::Kind::kTsv;

TEST(BatchLineTest, JsonLine) {
  EXPECT_EQ(Line(kJson, "u\"1", TwoItems()),
            "{\"user_id\":\"u\\\"1\",\"items\":["
            "{\"item_id\":\"a:1\",\"score\":0.30000000000000004,\"rank\":1},"
            "{\"item_id\":\"b\",\"score\":-1e-300,\"rank\":2}],"
            "\"model\":\"v1\"}\n");
  EXPECT_EQ(Line(kJson, "u", {}),
            "{\"user_id\":\"u\",\"items\":[],\"model\":\"\"}\n");
}

TEST(BatchLineTest, JsonLineWithReasons) {
  v1::RankResponse response = TwoItems();
  v1::Explanation* why = response.mutable_items(0)->mutable_explanation();
  why->set_match_part(2.5);
  why->add_reasons()->set_item_id("r");
  const Json json = Json::parse(Line(kJson, "u", response, true));
  EXPECT_EQ(json["items"][0]["match_part"], 2.5);
  EXPECT_EQ(json["items"][0]["reasons"][0]["item_id"], "r");
  EXPECT_TRUE(json["items"][1]["reasons"].empty());
  EXPECT_EQ(Line(kJson, "u", response), Line(kJson, "u", TwoItems()));
}

TEST(BatchLineTest, TsvLineReadsBack) {
  EXPECT_EQ(Line(kTsv, "u1", TwoItems()),
            "u1\ta:1:0.30000000000000004|b:-1e-300\n");
  EXPECT_EQ(std::strtod("0.30000000000000004", nullptr), 0.1 + 0.2);
  EXPECT_EQ(Line(kTsv, "u1", {}), "u1\t\n");
}

TEST(BatchLineTest, TsvIdsCannotBreakTheLine) {
  v1::RankResponse response;
  response.add_items()->set_item_id("a|b\\c\td\ne\rf");
  EXPECT_EQ(Line(kTsv, "u\t|1", response),
            "u\\t\\|1\ta\\|b\\\\c\\td\\ne\\rf:0.0\n");
}

TEST(GzipMemberTest, EqualTextsGiveEqualBytes) {
  const std::string text(300000, 'x');
  EXPECT_EQ(*GzipMember(text), *GzipMember(text));
  EXPECT_LT(GzipMember(text)->size(), 2000u);
  EXPECT_GT(GzipMember("")->size(), 0u);
}

}  // namespace
}  // namespace attune
