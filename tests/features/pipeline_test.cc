#include "features/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <thread>

#include "base/rng.h"
#include "features/hash.h"
#include "features/pipeline_fitter.h"
#include "tests/features/records.h"

namespace attune::features {
namespace {

using ::testing::HasSubstr;

Schema BookSchema() {
  Schema schema;
  const auto add = [&schema](const char* name, Entity entity, ColumnType type,
                             Transform transform) {
    ASSERT_TRUE(schema.AddColumn({name, entity, type, transform}).ok());
  };
  add("year", Entity::kItem, ColumnType::kNumeric, Transform::kStandardise);
  add("price", Entity::kItem, ColumnType::kNumeric, Transform::kLog);
  add("pages", Entity::kItem, ColumnType::kNumeric, Transform::kBucket);
  add("shelf", Entity::kItem, ColumnType::kNumeric, Transform::kHash);
  add("constant", Entity::kItem, ColumnType::kNumeric, Transform::kNone);
  add("authors", Entity::kItem, ColumnType::kMulti, Transform::kHash);
  add("language", Entity::kItem, ColumnType::kCategorical, Transform::kHash);
  add("note", Entity::kItem, ColumnType::kText, Transform::kNone);
  add("secret", Entity::kItem, ColumnType::kText, Transform::kIgnore);
  add("added", Entity::kItem, ColumnType::kTime, Transform::kStandardise);
  add("age", Entity::kUser, ColumnType::kNumeric, Transform::kStandardise);
  add("country", Entity::kUser, ColumnType::kCategorical, Transform::kHash);
  return schema;
}

v1::Item Book(int i) {
  const char* words[] = {"river", "mountain", "ocean", "desert", "forest"};
  v1::Item item = MakeItem(
      "book" + std::to_string(i),
      std::string(words[i % 5]) + " and " + words[(i / 5) % 5] + " " +
          std::to_string(i % 4 + 1),
      {"tag" + std::to_string(i % 3), "Everything"},
      {{"added", Text("2020-01-" + std::to_string(10 + i % 20))},
       {"authors", List({"Author " + std::to_string(i % 7), "Éditeur"})},
       {"constant", Number(3)},
       {"language", Text(i % 2 ? "eng" : "rus")},
       {"note", Text("a curious note")},
       {"pages", Number(100 + i)},
       {"price", Number(i * i)},
       {"secret", Text("hidden treasure")},
       {"shelf", Number(i % 4)},
       {"year", Number(1950 + i % 70)}});
  item.set_description("The description of a quiet place");
  return item;
}

v1::User Reader(int i) {
  v1::User user;
  user.set_user_id("reader" + std::to_string(i));
  AddFeatures(
      {{"age", Number(18 + i % 50)}, {"country", Text(i % 3 ? "FR" : "CN")}},
      user);
  return user;
}

Pipeline Fit(const PipelineOptions& options = {}) {
  PipelineFitter fitter(BookSchema(), options);
  for (int i = 0; i < 200; ++i) fitter.ObserveItem(Book(i));
  for (int i = 0; i < 100; ++i) fitter.ObserveUser(Reader(i));
  auto pipeline = fitter.Finish();
  EXPECT_TRUE(pipeline.ok()) << pipeline.status();
  return *std::move(pipeline);
}

TEST(PipelineTest, EncodesAnItem) {
  const Pipeline pipeline = Fit();
  const ItemFeatures item = pipeline.EncodeItem(Book(3));
  EXPECT_EQ(item.item_key, ItemKey("book3"));
  EXPECT_FALSE(item.text_tokens.empty());
  EXPECT_LE(item.text_tokens.size(), 64u);
  for (const int32_t token : item.text_tokens) {
    EXPECT_GE(token, 0);
    EXPECT_LT(token, pipeline.text_rows());
  }
  EXPECT_EQ(std::set<int32_t>(item.text_tokens.begin(), item.text_tokens.end())
                .size(),
            item.text_tokens.size());
  for (const int32_t token : item.attribute_tokens) {
    EXPECT_GE(token, 0);
    EXPECT_LT(token, pipeline.attribute_rows());
  }
  // 2 tags, 2 authors, language, shelf, series, 4 title words ("and" and the
  // number among them).
  EXPECT_EQ(item.attribute_keys.size(), 11u);
  EXPECT_EQ(item.attribute_idf.size(), 11u);
  // year, price, added; "constant" is the same everywhere, "pages" only tokens.
  EXPECT_EQ(pipeline.numeric_width(), 6);
  EXPECT_EQ(item.numeric.size(), 6u);
  for (size_t i = 1; i < 6; i += 2) EXPECT_EQ(item.numeric[i], 0.0f);
  EXPECT_EQ(item.times_ms, (std::vector<int64_t>{1578873600000}));
  EXPECT_EQ(item.series_number, 4);
  EXPECT_FALSE(item.unavailable);
}

TEST(PipelineTest, StandardisedColumnsHaveMeanZeroAndDeviationOne) {
  const Pipeline pipeline = Fit();
  double sum = 0, squares = 0;
  for (int i = 0; i < 200; ++i) {
    const float year = pipeline.EncodeItem(Book(i)).numeric[0];
    sum += year;
    squares += year * year;
  }
  EXPECT_NEAR(sum / 200, 0, 0.02);
  EXPECT_NEAR(squares / 200, 1, 0.05);
}

TEST(PipelineTest, MissingAndUnknownColumnsAreServed) {
  const Pipeline pipeline = Fit();
  const ItemFeatures empty = pipeline.EncodeItem(v1::Item());
  EXPECT_EQ(empty.numeric, (std::vector<float>{0, 1, 0, 1, 0, 1}));
  EXPECT_TRUE(empty.text_tokens.empty());
  EXPECT_TRUE(empty.attribute_keys.empty());
  EXPECT_EQ(empty.times_ms[0], ItemFeatures::kMissingTime);

  const v1::Item odd = MakeItem("odd", "", {},
                                {{"year", Text("nineteen")},
                                 {"price", List({"1", "2"})},
                                 {"unheard", Number(3)},
                                 {"added", Text("yesterday")},
                                 {"authors", Number(7)},
                                 {"language", v1::Value()}});
  const ItemFeatures item = pipeline.EncodeItem(odd);
  EXPECT_EQ(item.numeric, (std::vector<float>{0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(item.attribute_keys.size(), 1u);  // the author 7
  // Numbers in text are numbers.
  EXPECT_EQ(pipeline.EncodeItem(MakeItem("a", "", {}, {{"year", Text("1960")}}))
                .numeric,
            pipeline.EncodeItem(MakeItem("a", "", {}, {{"year", Number(1960)}}))
                .numeric);
}

TEST(PipelineTest, EqualValuesMatchWhateverTheirForm) {
  const Pipeline pipeline = Fit();
  const auto keys = [&](const v1::Value& author) {
    return pipeline.EncodeItem(MakeItem("a", "", {}, {{"authors", author}}))
        .attribute_keys;
  };
  EXPECT_EQ(keys(Text("ÉDITEUR")), keys(List({" éditeur "})));
  EXPECT_NE(keys(Text("Editeur")), keys(Text("Éditeur")));
  EXPECT_EQ(keys(Text("7")), keys(Number(7.0)));
  // The same word as tag and as author is not the same attribute.
  const auto tag =
      pipeline.EncodeItem(MakeItem("a", "", {"éditeur"})).attribute_keys;
  EXPECT_NE(tag, keys(Text("éditeur")));
  EXPECT_EQ(tag.size(), 1u);
}

TEST(PipelineTest, IgnoredTextIsNotRead) {
  const Pipeline pipeline = Fit();
  EXPECT_TRUE(pipeline.EncodeText("treasure").empty());
  EXPECT_FALSE(pipeline.EncodeText("curious").empty());
  EXPECT_FALSE(pipeline.EncodeText("RIVER").empty());
  EXPECT_EQ(pipeline.EncodeText("RIVER"), pipeline.EncodeText("river"));
}

TEST(PipelineTest, UnknownWordsSpeakThroughTheirNgrams) {
  const Pipeline pipeline = Fit();
  const auto known = pipeline.EncodeText("mountain");
  const auto unknown = pipeline.EncodeText("mountains");
  ASSERT_FALSE(unknown.empty());
  EXPECT_EQ(std::find(unknown.begin(), unknown.end(), known[0]), unknown.end());
  int shared = 0;
  for (const int32_t token : unknown) {
    shared += std::count(known.begin(), known.end(), token) > 0;
  }
  EXPECT_GT(shared, 5);
  EXPECT_TRUE(pipeline.EncodeText("xyzzyx").empty());
}

TEST(PipelineTest, TokenLimitsKeepTheTitleFirst) {
  const Pipeline pipeline =
      Fit({.max_text_tokens = 6, .max_attribute_tokens = 3});
  const ItemFeatures item = pipeline.EncodeItem(Book(3));
  EXPECT_EQ(item.text_tokens.size(), 6u);
  EXPECT_EQ(item.attribute_tokens.size(), 3u);
  const auto title = pipeline.EncodeText("desert and river 4");
  EXPECT_TRUE(
      std::equal(title.begin(), title.begin() + 4, item.text_tokens.begin()));
}

TEST(PipelineTest, UsersHaveTokensAndNumbers) {
  const Pipeline pipeline = Fit();
  EXPECT_EQ(pipeline.user_numeric_width(), 2);
  const UserFeatures user = pipeline.EncodeUser(Reader(4));
  EXPECT_EQ(user.tokens.size(), 2u);  // country, bucket of the age
  for (const int32_t token : user.tokens)
    EXPECT_LT(token, pipeline.user_rows());
  EXPECT_EQ(user.numeric[1], 0.0f);
  EXPECT_EQ(pipeline.EncodeUser(v1::User()).numeric,
            (std::vector<float>{0, 1}));
}

TEST(PipelineTest, JsonRoundTripServesTheSame) {
  const Pipeline trained = Fit();
  const std::string json = trained.ToJson();
  const auto served = Pipeline::FromJson(json);
  ASSERT_TRUE(served.ok()) << served.status();
  EXPECT_EQ(served->ToJson(), json);
  EXPECT_EQ(served->dense_names(), trained.dense_names());
  EXPECT_TRUE(served->schema() == trained.schema());
  for (int i = 150; i < 260; ++i) {
    EXPECT_TRUE(served->EncodeItem(Book(i)) == trained.EncodeItem(Book(i)));
    EXPECT_EQ(served->EncodeUser(Reader(i)).numeric,
              trained.EncodeUser(Reader(i)).numeric);
  }
}

TEST(PipelineTest, FittingDoesNotDependOnTheOrder) {
  PipelineFitter forward(BookSchema()), backward(BookSchema());
  for (int i = 0; i < 200; ++i) {
    forward.ObserveItem(Book(i));
    backward.ObserveItem(Book(199 - i));
  }
  EXPECT_EQ(forward.Finish()->ToJson(), backward.Finish()->ToJson());
}

TEST(PipelineTest, FinishOnceAndOptionsAreChecked) {
  PipelineFitter fitter(BookSchema());
  EXPECT_TRUE(fitter.Finish().ok());  // no data at all
  EXPECT_EQ(fitter.Finish().status().code(),
            absl::StatusCode::kFailedPrecondition);
  PipelineFitter wrong(BookSchema(), {.numeric_buckets = 1});
  EXPECT_THAT(std::string(wrong.Finish().status().message()),
              HasSubstr("numeric_buckets is 1, expected 2 to 1024"));
  PipelineFitter tokens(BookSchema(), {.max_text_tokens = 0});
  EXPECT_THAT(std::string(tokens.Finish().status().message()),
              HasSubstr("max_text_tokens is 0, expected 1 to"));
}

TEST(PipelineTest, DamagedJsonIsRefused) {
  const std::string json = Fit().ToJson();
  const auto error = [](const std::string& text) {
    const auto pipeline = Pipeline::FromJson(text, "pipeline.json");
    EXPECT_FALSE(pipeline.ok());
    return std::string(pipeline.status().message());
  };
  const auto replaced = [&json](const std::string& from,
                                const std::string& to) {
    std::string text = json;
    const size_t at = text.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return text.replace(at, from.size(), to);
  };
  EXPECT_THAT(error(replaced("\"format\": 1", "\"format\": 2")),
              HasSubstr("pipeline.json: format: 2 is not within [1, 1]"));
  EXPECT_THAT(error(replaced("\"items\"", "\"itemz\"")),
              HasSubstr("unknown field \"itemz\""));
  EXPECT_THAT(error(replaced("\"type\": \"time\"", "\"type\": \"tine\"")),
              HasSubstr("pipeline.json: schema: columns[9].type: unknown"));
  EXPECT_THAT(error(replaced("\"deviation\": ", "\"deviation\": -")),
              HasSubstr("item_numeric[0].deviation"));
  EXPECT_THAT(
      error(replaced("\"profile_events\": 100", "\"profile_events\": 0")),
      HasSubstr("profile_events is 0, expected 1 to"));
  // A column less than was learned.
  EXPECT_THAT(error(replaced("\"name\": \"year\"", "\"name\": \"price\"")),
              HasSubstr("is repeated"));
  Rng rng(17);
  for (int round = 0; round < 300; ++round) {
    std::string text = json.substr(0, rng.Below(json.size()));
    EXPECT_FALSE(Pipeline::FromJson(text).ok());
    text = json;
    text[rng.Below(text.size())] = static_cast<char>(rng.Below(256));
    const auto pipeline = Pipeline::FromJson(text);  // must not crash
    if (pipeline.ok()) pipeline->EncodeItem(Book(1));
  }
}

TEST(PipelineTest, ParseItemRefusesFeaturesOfAnotherModel) {
  const Pipeline pipeline = Fit();
  const Pipeline small = Fit({.max_text_rows = 2, .max_attribute_rows = 2});
  const std::string bytes = pipeline.EncodeItem(Book(3)).Serialize();
  ItemFeatures item;
  ASSERT_TRUE(pipeline.ParseItem(bytes, &item).ok());
  EXPECT_TRUE(item == pipeline.EncodeItem(Book(3)));
  const absl::Status status = small.ParseItem(bytes, &item);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("a text token beyond the 2 rows"));
  EXPECT_TRUE(item == ItemFeatures());
  PipelineFitter other{Schema()};
  for (int i = 0; i < 200; ++i) other.ObserveItem(Book(i));
  EXPECT_THAT(std::string(other.Finish()->ParseItem(bytes, &item).message()),
              HasSubstr("another model"));
}

TEST(PipelineTest, HugeListsAndTextsAreCapped) {
  const Pipeline pipeline = Fit();
  v1::Item item = Book(1);
  for (int i = 0; i < 100000; ++i) item.add_tags("t" + std::to_string(i));
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "word" + std::to_string(i) + " ";
  item.set_title(text);
  item.set_description(text);
  const ItemFeatures features = pipeline.EncodeItem(item);
  EXPECT_LT(features.attribute_keys.size(), 100u);
  EXPECT_LE(features.text_tokens.size(), 64u);
  ItemFeatures again;
  EXPECT_TRUE(pipeline.ParseItem(features.Serialize(), &again).ok());
}

TEST(PipelineTest, ConcurrentEncoding) {
  const Pipeline pipeline = Fit();
  const ItemFeatures expected = pipeline.EncodeItem(Book(5));
  std::vector<int> wrong(4, 0);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 100; ++i) {
        wrong[t] += !(pipeline.EncodeItem(Book(5)) == expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

}  // namespace
}  // namespace attune::features
