// A request's context: declared by the schema, learned by the fitter, encoded
// and matched with candidates by the pipeline.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>

#include "features/pipeline.h"
#include "features/pipeline_fitter.h"
#include "features/schema.h"
#include "tests/features/records.h"

namespace attune::features {
namespace {

using ::testing::Each;
using ::testing::HasSubstr;
using Fields = google::protobuf::RepeatedPtrField<v1::Feature>;

constexpr char kSchema[] = R"({"columns": [
  {"name": "author", "entity": "item", "type": "categorical"},
  {"name": "query", "entity": "event", "type": "text", "context": true},
  {"name": "tab", "entity": "event", "type": "categorical", "context": true},
  {"name": "devices", "entity": "event", "type": "multi", "context": true},
  {"name": "depth", "entity": "event", "type": "numeric", "context": true},
  {"name": "played", "entity": "event", "type": "numeric"}]})";

v1::Event Shown(const std::string& tab, double depth) {
  v1::Event event = MakeEvent("u", "i", "impression", {});
  event.set_time_ms(1'600'000'000'000);
  AddFeatures({{"depth", Number(depth)},
               {"played", Number(depth * 7)},
               {"tab", Text(tab)}},
              event);
  return event;
}

v1::Item Book(const std::string& id, const std::string& title,
              const std::string& author) {
  return MakeItem(id, title, {"novel"}, {{"author", Text(author)}});
}

Pipeline Fit(const Schema& schema) {
  PipelineFitter fitter(schema);
  for (int i = 0; i < 60; ++i) {
    fitter.ObserveItem(
        Book(std::to_string(i), "The Common Tale", "Ann Author"));
    fitter.ObserveEvent(Shown(i % 3 == 0 ? "search" : "home", i % 10));
  }
  fitter.ObserveItem(Book("white", "White Fang", "Jack London"));
  return *fitter.Finish();
}

class ContextTest : public ::testing::Test {
 protected:
  ContextTest() : pipeline_(Fit(*Schema::FromJson(kSchema))) {}

  static Fields Context(const Features& list) {
    Fields features;
    for (const auto& [name, value] : list) {
      v1::Feature& feature = *features.Add();
      feature.set_name(name);
      *feature.mutable_value() = value;
    }
    return features;
  }
  ContextFeatures Encode(const Features& list) const {
    ContextFeatures context;
    pipeline_.EncodeContext(Context(list), &context);
    return context;
  }
  std::vector<float> Dense(const v1::Item& item,
                           const ContextFeatures* context) const {
    RequestFeatures request;
    const HistoryProfile profile;
    pipeline_.PrepareRequest({}, profile, 1'600'000'000'000, true, &request,
                             context);
    std::vector<float> out(static_cast<size_t>(pipeline_.dense_width()), 9.0f);
    const ItemFeatures features = pipeline_.EncodeItem(item);
    // As stored.
    ItemFeatures parsed;
    EXPECT_TRUE(pipeline_.ParseItem(features.Serialize(), &parsed).ok());
    EXPECT_EQ(parsed, features);
    pipeline_.CandidateFeatures(features, nullptr, profile, request, out);
    return out;
  }
  float Value(const std::string& name, const v1::Item& item,
              const ContextFeatures* context) const {
    const auto& names = pipeline_.dense_names();
    const auto it = std::find(names.begin(), names.end(), name);
    EXPECT_NE(it, names.end()) << name;
    return Dense(item, context)[static_cast<size_t>(it - names.begin())];
  }
  std::string ErrorOf(const Features& list) const {
    const absl::Status status = pipeline_.CheckContext(Context(list));
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    return std::string(status.message());
  }

  Pipeline pipeline_;
};

TEST_F(ContextTest, ValuesAndNumbers) {
  const v1::Item book = Book("x", "Any", "Who");
  const ContextFeatures home =
      Encode({{"tab", Text("home")}, {"depth", Number(4.5)}});
  // "home" is more frequent than "search".
  EXPECT_EQ(Value("context.tab.value1", book, &home), 1.0f);
  EXPECT_EQ(Value("context.tab.value2", book, &home), 0.0f);
  EXPECT_EQ(Value("context.tab.missing", book, &home), 0.0f);
  EXPECT_NEAR(Value("context.depth", book, &home), 0, 0.01);
  EXPECT_EQ(Value("context.depth.missing", book, &home), 0.0f);
  EXPECT_EQ(home.tokens.size(), 2u);  // the tab, the depth's bucket
  EXPECT_THAT(home.tokens, Each(testing::Lt(pipeline_.context_rows())));

  const ContextFeatures other = Encode({{"tab", Text("new")}});
  EXPECT_EQ(Value("context.tab.value1", book, &other), 0.0f);
  EXPECT_EQ(Value("context.tab.missing", book, &other), 0.0f);
  EXPECT_EQ(Value("context.depth.missing", book, &other), 1.0f);
  EXPECT_TRUE(other.tokens.empty());

  // Without a context: all of it missing, as when it says nothing.
  const ContextFeatures nothing = Encode({});
  EXPECT_EQ(Dense(book, nullptr), Dense(book, &nothing));
  EXPECT_EQ(Value("context.tab.missing", book, nullptr), 1.0f);
  EXPECT_EQ(Value("context.text", book, nullptr), 0.0f);
}

TEST_F(ContextTest, OtherEventColumnsAreNotRead) {
  const v1::Item book = Book("x", "Any", "Who");
  const ContextFeatures played = Encode({{"played", Number(1e6)}});
  EXPECT_EQ(Dense(book, nullptr), Dense(book, &played));
  for (const std::string& name : pipeline_.dense_names()) {
    EXPECT_THAT(name, testing::Not(HasSubstr("played")));
  }
}

TEST_F(ContextTest, TextsMeetTitlesAndLabels) {
  const v1::Item fang = Book("white", "White Fang", "Jack London");
  const v1::Item tale = Book("tale", "The Common Tale", "Ann Author");
  const ContextFeatures title = Encode({{"query", Text("white FANG")}});
  EXPECT_EQ(Value("text.title", fang, &title), 1.0f);
  EXPECT_EQ(Value("text.words", fang, &title), 1.0f);
  EXPECT_EQ(Value("text.all_words", fang, &title), 1.0f);
  EXPECT_EQ(Value("text.title_covered", fang, &title), 1.0f);
  EXPECT_EQ(Value("text.parts", fang, &title), 1.0f);
  EXPECT_EQ(Value("text.words", tale, &title), 0.0f);
  EXPECT_EQ(Value("text.all_words", tale, &title), 0.0f);

  // A part of the author's name is a word of the item, not of its title.
  const ContextFeatures author = Encode({{"query", Text("london")}});
  EXPECT_EQ(Value("text.title", fang, &author), 0.0f);
  EXPECT_EQ(Value("text.words", fang, &author), 1.0f);

  // A letter lost, and a word begun: their parts still meet.
  for (const char* query : {"wite fang", "whit"}) {
    const ContextFeatures broken = Encode({{"query", Text(query)}});
    EXPECT_GT(Value("text.parts", fang, &broken), 0.4f) << query;
    EXPECT_LT(Value("text.parts", tale, &broken), 0.1f) << query;
  }

  // The rarer word says more.
  const ContextFeatures both = Encode({{"query", Text("tale fang")}});
  EXPECT_GT(Value("text.title", fang, &both), 0.5f);
  EXPECT_LT(Value("text.title", tale, &both), 0.5f);
}

TEST_F(ContextTest, ManyCandidatesGetTheSameBits) {
  const ContextFeatures query = Encode({{"query", Text("common london fang")}});
  RequestFeatures request;
  const HistoryProfile profile;
  pipeline_.PrepareRequest({}, profile, 1'600'000'000'000, true, &request,
                           &query);
  std::vector<ItemFeatures> items;
  for (int i = 0; i < 150; ++i) {
    items.push_back(pipeline_.EncodeItem(
        i % 2 == 0 ? Book(std::to_string(i), "White Fang", "Jack London")
                   : Book(std::to_string(i), "Common Sense", "Tom Paine")));
  }
  std::vector<ItemView> views(items.begin(), items.end());
  std::vector<const ItemView*> pointers;
  for (const ItemView& view : views) pointers.push_back(&view);
  const std::vector<ItemCounters> counters(items.size());
  const size_t width = static_cast<size_t>(pipeline_.dense_width());
  std::vector<float> all(items.size() * width), one(width);
  Workspace workspace;
  pipeline_.CandidateFeatures(
      pointers, counters, profile, request, workspace,
      MatrixView(all.data(), {static_cast<int64_t>(items.size()),
                              static_cast<int64_t>(width)}));
  for (size_t i = 0; i < items.size(); ++i) {
    pipeline_.CandidateFeatures(items[i], nullptr, profile, request, one);
    ASSERT_EQ(std::memcmp(one.data(), all.data() + i * width, 4 * width), 0);
  }
}

TEST_F(ContextTest, WhatDoesNotFitIsRefusedWithWhatIsDeclared) {
  EXPECT_THAT(ErrorOf({{"qurey", Text("a")}}),
              testing::StrEq("context \"qurey\" is unknown to the model; it "
                             "knows: \"query\" (text), \"tab\" (categorical), "
                             "\"devices\" (multi), \"depth\" (numeric)"));
  EXPECT_THAT(ErrorOf({{"played", Number(1)}}), HasSubstr("is unknown"));
  EXPECT_THAT(ErrorOf({{"query", Number(1)}}),
              HasSubstr("context \"query\" is a number, its type is text"));
  EXPECT_THAT(ErrorOf({{"depth", Text("deep")}}),
              HasSubstr("context \"depth\" is a text, its type is numeric"));
  EXPECT_THAT(ErrorOf({{"depth", Number(1.0 / 0.0)}}),
              HasSubstr("must be a finite number"));
  EXPECT_THAT(ErrorOf({{"tab", Text("a")}, {"tab", Text("b")}}),
              HasSubstr("context \"tab\" is given twice"));
  EXPECT_TRUE(pipeline_
                  .CheckContext(Context(
                      {{"tab", Number(1)}, {"devices", List({"a", "b"})}}))
                  .ok());
}

TEST_F(ContextTest, PipelineIsStoredWithIt) {
  const std::string json = pipeline_.ToJson();
  const auto again = Pipeline::FromJson(json);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->ToJson(), json);
  EXPECT_EQ(again->dense_names(), pipeline_.dense_names());
  const ContextFeatures query = Encode({{"query", Text("white fang")}});
  ContextFeatures same;
  again->EncodeContext(Context({{"query", Text("white fang")}}), &same);
  EXPECT_EQ(query.text_tokens, same.text_tokens);
  EXPECT_EQ(query.shared, same.shared);
  ASSERT_EQ(query.terms.size(), same.terms.size());
  for (size_t i = 0; i < query.terms.size(); ++i) {
    EXPECT_EQ(query.terms[i].hash, same.terms[i].hash);
    EXPECT_EQ(query.terms[i].idf, same.terms[i].idf);
  }
}

TEST(ContextSchemaTest, WithoutDeclarationNothingChanges) {
  Schema schema;
  ASSERT_TRUE(schema
                  .AddColumn({"tab", Entity::kEvent, ColumnType::kCategorical,
                              Transform::kHash})
                  .ok());
  const Pipeline pipeline = Fit(schema);
  EXPECT_FALSE(pipeline.has_context());
  EXPECT_EQ(pipeline.context_width(), 0);
  EXPECT_TRUE(pipeline.EncodeItem(Book("a", "White Fang", "Jack London"))
                  .search_keys.empty());
  EXPECT_THAT(pipeline.ToJson(), testing::Not(HasSubstr("context")));
}

TEST(ContextSchemaTest, Declared) {
  auto schema = *Schema::FromJson(R"({"columns": [
    {"name": "tab", "entity": "event", "type": "numeric"}]})");
  EXPECT_EQ(schema.ContextNames(), "none");
  ASSERT_TRUE(schema.DeclareContext("tab", ColumnType::kCategorical).ok());
  EXPECT_EQ(schema.ContextNames(), "\"tab\" (categorical)");
  EXPECT_TRUE(*Schema::FromJson(schema.ToJson()) == schema);

  EXPECT_EQ(schema.DeclareContext("scene").code(), absl::StatusCode::kNotFound);
  const absl::Status result = schema.DeclareContext("is_click");
  EXPECT_EQ(result.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(result.message()),
              HasSubstr("says that \"click\" followed"));
}

TEST(ContextSchemaTest, OnlyEventColumnsThatAreNoResults) {
  const auto error = [](std::string_view json) {
    return std::string(Schema::FromJson(json).status().message());
  };
  EXPECT_THAT(error(R"({"columns": [{"name": "a", "entity": "item",
                                     "type": "text", "context": true}]})"),
              HasSubstr("only columns of events"));
  EXPECT_THAT(error(R"({"columns": [{"name": "long_view", "entity": "event",
                                     "type": "numeric", "context": true}]})"),
              HasSubstr("a request cannot know"));
  EXPECT_THAT(error(R"({"columns": [{"name": "a", "entity": "event",
                                     "type": "text", "transform": "ignore",
                                     "context": true}]})"),
              HasSubstr("ignored"));
}

}  // namespace
}  // namespace attune::features
