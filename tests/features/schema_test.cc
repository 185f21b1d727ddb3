#include "features/schema.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/features/records.h"

namespace attune::features {
namespace {

using ::testing::HasSubstr;

std::string ErrorOf(std::string_view json) {
  const auto schema = Schema::FromJson(json, "schema.json");
  EXPECT_FALSE(schema.ok()) << json;
  EXPECT_EQ(schema.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(schema.status().message());
}

TEST(SchemaTest, RoundTrip) {
  Schema schema;
  ASSERT_TRUE(schema
                  .AddColumn({"year", Entity::kItem, ColumnType::kNumeric,
                              Transform::kLog, false})
                  .ok());
  ASSERT_TRUE(schema
                  .AddColumn({"возраст", Entity::kUser, ColumnType::kNumeric,
                              Transform::kBucket, true})
                  .ok());
  ASSERT_TRUE(schema
                  .AddColumn({"year", Entity::kEvent, ColumnType::kTime,
                              Transform::kNone, true})
                  .ok());
  schema.set_name_map({{"item_id", "book_id"}, {"order", "pos"}});
  schema.actions().SetRule({"view", true, false, 0.1});
  schema.actions().SetOrder({"like", "view"});
  schema.actions().set_default_action("rating");
  schema.actions().set_result_columns({"long_view", "finished"});
  const std::string json = schema.ToJson();
  const auto again = Schema::FromJson(json);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(*again == schema);
  EXPECT_EQ(again->ToJson(), json);
  EXPECT_TRUE(again->actions().IsStronger("like", "view"));
  EXPECT_EQ(again->Find(Entity::kItem, "year")->transform, Transform::kLog);
  EXPECT_EQ(again->Find(Entity::kEvent, "year")->type, ColumnType::kTime);
  EXPECT_EQ(again->Find(Entity::kUser, "year"), nullptr);
}

TEST(SchemaTest, EmptyObjectIsTheDefault) {
  const auto schema = Schema::FromJson("{}");
  ASSERT_TRUE(schema.ok());
  EXPECT_TRUE(*schema == Schema());
  const auto again = Schema::FromJson(schema->ToJson());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(*again == Schema());
}

TEST(SchemaTest, NumericIsStandardisedUnlessSaid) {
  const auto schema = Schema::FromJson(
      R"({"columns": [{"name": "a", "entity": "item", "type": "numeric"}]})");
  ASSERT_TRUE(schema.ok());
  EXPECT_EQ(schema->columns()[0].transform, Transform::kStandardise);
}

TEST(SchemaTest, ErrorsNameThePlace) {
  EXPECT_THAT(ErrorOf("{\"columns\": [\n  {]}"), HasSubstr("schema.json:2:"));
  EXPECT_THAT(ErrorOf(""), HasSubstr("schema.json:1:"));
  EXPECT_THAT(ErrorOf("[]"), HasSubstr("expected an object, found array"));
  EXPECT_THAT(ErrorOf(R"({"colums": []})"),
              HasSubstr("schema.json: unknown field \"colums\""));
  EXPECT_THAT(ErrorOf(R"({"columns": [], "columns": []})"),
              HasSubstr("field \"columns\" is repeated"));
  EXPECT_THAT(
      ErrorOf(R"({"columns": [{"name": "a", "name": "b", "entity": "item",
                               "type": "text"}]})"),
      HasSubstr("field \"name\" is repeated"));
  EXPECT_THAT(ErrorOf(R"({"columns": [{"name": "a", "entity": "item"}]})"),
              HasSubstr("columns[0]: field \"type\" is missing"));
  EXPECT_THAT(
      ErrorOf(R"({"columns": [{"name": "a", "entity": "item",
                               "type": "nmeric"}]})"),
      HasSubstr("columns[0].type: unknown type \"nmeric\" (known: text, "));
  EXPECT_THAT(ErrorOf(R"({"columns": [{"name": 7, "entity": "item",
                                       "type": "text"}]})"),
              HasSubstr("columns[0].name: expected a string, found number"));
  EXPECT_THAT(ErrorOf(R"({"columns": [{"name": "a", "entity": "item",
                                       "type": "text", "transform": "log"}]})"),
              HasSubstr("\"log\" does not fit type \"text\""));
  EXPECT_THAT(ErrorOf(R"({"columns": [
      {"name": "a", "entity": "item", "type": "text"},
      {"name": "a", "entity": "item", "type": "multi"}]})"),
              HasSubstr("columns[1]: column \"a\" of items is repeated"));
  EXPECT_THAT(ErrorOf(R"({"columns": [{"name": "title", "entity": "item",
                                       "type": "numeric"}]})"),
              HasSubstr("fixed field of type \"text\", not \"numeric\""));
  EXPECT_THAT(ErrorOf(R"({"actions": {"rules": [{"name": "x",
                                                 "weight": -1}]}})"),
              HasSubstr("actions.rules[0].weight: -1 is not within [0, "));
  EXPECT_THAT(ErrorOf(R"({"actions": {"rules": [{"name": "x"},
                                                {"name": "x"}]}})"),
              HasSubstr("actions.rules[1]: action \"x\" is repeated"));
  EXPECT_THAT(ErrorOf(R"({"actions": {"rules": [{"name": "impression",
                                                 "history": true}]}})"),
              HasSubstr("an impression cannot enter the history"));
  EXPECT_THAT(ErrorOf(R"({"actions": {"order": ["a", "b", "a"]}})"),
              HasSubstr("actions.order[2]: \"a\" is repeated"));
  EXPECT_THAT(ErrorOf(R"({"map": {"item_id": "x", "user_id": "x"}})"),
              HasSubstr("\"x\" is mapped to two names"));
  EXPECT_THAT(ErrorOf(std::string(100000, '[')), HasSubstr("schema.json"));
  EXPECT_THAT(ErrorOf(R"({"map": {"a": "\ud800"}})"), HasSubstr("schema.json"));
}

TEST(SchemaTest, ResultColumns) {
  Schema schema;
  EXPECT_EQ(schema.ResultAction("is_click"), "click");
  EXPECT_EQ(schema.ResultAction("long_view"), "long_view");
  EXPECT_EQ(schema.ResultAction("is_"), std::nullopt);
  EXPECT_EQ(schema.ResultAction("tab"), std::nullopt);
  ASSERT_TRUE(schema
                  .AddColumn({"is_mobile", Entity::kEvent,
                              ColumnType::kCategorical, Transform::kNone})
                  .ok());
  EXPECT_EQ(schema.ResultAction("is_mobile"), std::nullopt);
  // Of items it is no result.
  ASSERT_TRUE(schema
                  .AddColumn({"is_new", Entity::kItem, ColumnType::kCategorical,
                              Transform::kNone})
                  .ok());
  EXPECT_EQ(schema.ResultAction("is_new"), "new");
}

TEST(SchemaTest, HistoryEntryOfAPlainEvent) {
  const Schema schema;
  v1::Event event = MakeEvent("u", "i", "purchase");
  event.set_order(17);
  auto entry = schema.HistoryEntryFor(event);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->item_id(), "i");
  EXPECT_EQ(entry->action(), "purchase");
  EXPECT_FALSE(entry->has_time());
  EXPECT_EQ(entry->sort_key(), 17);
  event.set_time_ms(1650825773187);
  entry = schema.HistoryEntryFor(event);
  EXPECT_TRUE(entry->has_time());
  EXPECT_EQ(entry->sort_key(), 1650825773187);
  event.clear_action();
  EXPECT_EQ(schema.HistoryEntryFor(event)->action(), "view");
  event.set_action("return");
  EXPECT_FALSE(schema.HistoryEntryFor(event).has_value());
}

TEST(SchemaTest, HistoryEntryOfAnImpressionIsItsStrongestResult) {
  Schema schema;
  const auto entry = [&](const std::vector<std::string>& followed) {
    const auto made =
        schema.HistoryEntryFor(MakeEvent("u", "i", "impression", followed));
    return made.has_value() ? made->action() : std::string("none");
  };
  EXPECT_EQ(entry({}), "none");
  EXPECT_EQ(entry({"hate"}), "none");
  EXPECT_EQ(entry({"impression"}), "none");
  EXPECT_EQ(entry({"click", "long_view", "like"}), "like");
  EXPECT_EQ(entry({"hate", "click"}), "click");
  EXPECT_EQ(entry({"profile_enter", "click"}), "click");
  schema.actions().SetRule({"like", false, true, 1});
  EXPECT_EQ(entry({"click", "long_view", "like"}), "long_view");
  schema.actions().SetOrder({"click"});
  EXPECT_EQ(entry({"long_view", "click"}), "click");
}

}  // namespace
}  // namespace attune::features
