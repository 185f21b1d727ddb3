#include "engine/rank/response_json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>

#include "engine/rank/json_text.h"

namespace attune {
namespace {

using Json = nlohmann::json;

v1::RankResponse Example() {
  v1::RankResponse response;
  response.set_model("v3");
  response.set_now_ms(1700000000123);
  response.set_candidates_scored(400);
  response.set_history_length(34);
  response.set_warm(true);
  response.add_tasks("click");
  response.add_tasks("buy");
  v1::RankedItem* item = response.add_items();
  item->set_item_id("b17");
  item->set_score(0.1 + 0.2);
  item->set_rank(1);
  item->add_task_probabilities(0.25);
  item->add_task_probabilities(1.0 / 3);
  item->add_task_logits(-1.5);
  item->add_task_logits(2);
  v1::Explanation* why = item->mutable_explanation();
  why->set_match_part(1.25);
  why->set_fusion_part(-0.5);
  v1::Reason* reason = why->add_reasons();
  reason->set_item_id("b2");
  reason->set_title("The \"Woman\"\nin White 红楼梦");
  reason->set_action("buy");
  reason->set_position(3);
  reason->set_attention(0.32);
  reason->set_effect(0.125);
  item = response.add_items();
  item->set_item_id("b9");
  item->set_score(std::numeric_limits<double>::quiet_NaN());
  item->set_rank(2);
  return response;
}

TEST(ResponseJsonTest, HasTheFieldsInTheirOrder) {
  EXPECT_EQ(
      ResponseToJson(Example()),
      "{\"model\":\"v3\",\"now_ms\":1700000000123,\"retrieved\":false,"
      "\"candidates_scored\":400,\"history_length\":34,\"warm\":true,"
      "\"unknown_items\":0,\"tasks\":[\"click\",\"buy\"],\"items\":["
      "{\"item_id\":\"b17\",\"score\":0.30000000000000004,\"rank\":1,"
      "\"probabilities\":{\"click\":0.25,\"buy\":0.3333333333333333},"
      "\"logits\":{\"click\":-1.5,\"buy\":2.0},"
      "\"match_part\":1.25,\"fusion_part\":-0.5,\"reasons\":["
      "{\"item_id\":\"b2\",\"title\":\"The \\\"Woman\\\"\\nin White 红楼梦\","
      "\"action\":\"buy\",\"position\":3,\"attention\":0.32,\"effect\":0.125}]}"
      ","
      "{\"item_id\":\"b9\",\"score\":null,\"rank\":2}]}");
}

TEST(ResponseJsonTest, ReadsBackWithTheSameValues) {
  v1::RankResponse response = Example();
  response.set_request_id(
      "r\xff"
      "1");  // not UTF-8
  response.add_degraded("decoder left out");
  response.set_retrieved(true);
  response.mutable_items(0)
      ->mutable_explanation()
      ->mutable_reasons(0)
      ->set_time_ms(5);
  const Json json = Json::parse(ResponseToJson(response));
  EXPECT_EQ(json["request_id"],
            "r\xef\xbf\xbd"
            "1");
  EXPECT_EQ(json["degraded"], Json({"decoder left out"}));
  EXPECT_EQ(json["retrieved"], true);
  const Json& item = json["items"][0];
  EXPECT_EQ(item["score"].get<double>(), 0.1 + 0.2);
  EXPECT_EQ(item["probabilities"]["buy"].get<double>(), 1.0 / 3);
  EXPECT_EQ(item["reasons"][0]["time_ms"], 5);
  EXPECT_EQ(item["reasons"][0]["title"],
            response.items(0).explanation().reasons(0).title());
  EXPECT_TRUE(Json::parse(ResponseToJson({}))["items"].empty());
}

TEST(JsonTextTest, NumbersReadBackAsTheSameDouble) {
  for (const double number :
       {0.0, -0.0, 1.0, 0.1, 1e-310, 5e-324, 1.7976931348623157e308,
        9007199254740993.0, 123456.789, -2.5e-7, 1e21, 1e22}) {
    std::string text;
    AppendJsonNumber(number, &text);
    const double back = Json::parse(text).get<double>();
    EXPECT_EQ(back, number) << text;
    EXPECT_EQ(std::signbit(back), std::signbit(number)) << text;
    EXPECT_EQ(std::strtod(text.c_str(), nullptr), number) << text;
  }
  std::string text;
  AppendJsonNumber(std::nan(""), &text);
  AppendJsonNumber(-std::numeric_limits<double>::infinity(), &text);
  EXPECT_EQ(text, "nullnull");
}

TEST(JsonTextTest, EveryByteSurvivesOrIsReplaced) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string original = std::string("a") + static_cast<char>(byte);
    std::string text;
    AppendJsonString(original, &text);
    const std::string back = Json::parse(text).get<std::string>();
    EXPECT_EQ(back, byte < 128 ? original : "a\xef\xbf\xbd") << byte;
  }
}

TEST(ResponseJsonTest, FiltersAreCountedWhereTheyTookSomethingOut) {
  v1::RankResponse response = Example();
  EXPECT_FALSE(Json::parse(ResponseToJson(response)).contains("filtered"));
  response.mutable_filtered()->set_seen(3);
  const Json json = Json::parse(ResponseToJson(response));
  EXPECT_EQ(json["filtered"]["seen"], 3);
  EXPECT_EQ(json["filtered"]["unavailable"], 0);
}

}  // namespace
}  // namespace attune
