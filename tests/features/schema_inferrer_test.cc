#include "features/schema_inferrer.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "tests/features/records.h"

namespace attune::features {
namespace {

Column InferOne(const std::string& name, int rows,
                const std::function<v1::Value(int)>& value,
                Entity entity = Entity::kItem) {
  SchemaInferrer inferrer{Schema()};
  for (int i = 0; i < rows; ++i) inferrer.Observe(entity, name, value(i));
  const Schema schema = inferrer.Finish();
  const Column* column = schema.Find(entity, name);
  return column == nullptr ? Column{} : *column;
}

TEST(SchemaInferrerTest, Types) {
  EXPECT_EQ(InferOne("year", 500, [](int i) { return Number(1900 + i); }).type,
            ColumnType::kNumeric);
  EXPECT_EQ(InferOne("language", 500,
                     [](int i) { return Text(i % 2 ? "English" : "Russian"); })
                .type,
            ColumnType::kCategorical);
  EXPECT_EQ(
      InferOne("authors", 5,
               [](int i) { return i == 3 ? List({"a", "b"}) : Text("a"); })
          .type,
      ColumnType::kMulti);
  EXPECT_EQ(InferOne("blurb", 50,
                     [](int i) {
                       return Text("A rather long story about number " +
                                   std::to_string(i) + " and its many friends");
                     })
                .type,
            ColumnType::kText);
  EXPECT_EQ(
      InferOne("upload_dt", 5, [](int) { return Text("2022-04-10"); }).type,
      ColumnType::kTime);
  EXPECT_EQ(
      InferOne("created_at", 5, [](int i) { return Number(1.65e9 + i); }).type,
      ColumnType::kTime);
  // In the range of times, but not called so.
  EXPECT_EQ(InferOne("views", 5, [](int i) { return Number(1.65e9 + i); }).type,
            ColumnType::kNumeric);
  // One text among numbers.
  EXPECT_EQ(InferOne("size", 50,
                     [](int i) { return i == 7 ? Text("XL") : Number(i % 5); })
                .type,
            ColumnType::kCategorical);
}

TEST(SchemaInferrerTest, Transforms) {
  EXPECT_EQ(
      InferOne("price", 1000, [](int i) { return Number(std::exp(i / 80.0)); })
          .transform,
      Transform::kLog);
  EXPECT_EQ(
      InferOne("rating", 1000, [](int i) { return Number(i % 5); }).transform,
      Transform::kStandardise);
  const Column author =
      InferOne("author_id", 1000, [](int i) { return Number(i % 300); });
  EXPECT_EQ(author.type, ColumnType::kCategorical);
  EXPECT_EQ(author.transform, Transform::kHash);
  const Column serial =
      InferOne("isbn_id", 1000, [](int i) { return Number(i); });
  EXPECT_EQ(serial.transform, Transform::kIgnore);
  EXPECT_TRUE(serial.inferred);
}

TEST(SchemaInferrerTest, DeclaredColumnsWin) {
  Schema declared;
  ASSERT_TRUE(declared
                  .AddColumn({"year", Entity::kItem, ColumnType::kCategorical,
                              Transform::kHash})
                  .ok());
  SchemaInferrer inferrer(declared);
  inferrer.Observe(Entity::kItem, "year", Number(1999));
  inferrer.Observe(Entity::kUser, "year", Number(1999));
  const Schema schema = inferrer.Finish();
  EXPECT_EQ(schema.Find(Entity::kItem, "year")->type, ColumnType::kCategorical);
  EXPECT_FALSE(schema.Find(Entity::kItem, "year")->inferred);
  EXPECT_EQ(schema.Find(Entity::kUser, "year")->type, ColumnType::kNumeric);
}

TEST(SchemaInferrerTest, ResultColumnsAndNothingAreLeftOut) {
  SchemaInferrer inferrer{Schema()};
  v1::Event event = MakeEvent("u", "i", "impression");
  AddFeatures({{"is_click", Number(1)},
               {"tab", Number(3)},
               {"nothing", v1::Value()},
               {"empty", Text("")},
               {"nan", Number(std::nan(""))}},
              event);
  inferrer.ObserveEvent(event);
  inferrer.Observe(Entity::kItem, "\xff", Number(1));
  inferrer.Observe(Entity::kItem, "title", Number(1));
  const Schema schema = inferrer.Finish();
  ASSERT_EQ(schema.columns().size(), 1u);
  EXPECT_EQ(schema.columns()[0].name, "tab");
}

}  // namespace
}  // namespace attune::features
