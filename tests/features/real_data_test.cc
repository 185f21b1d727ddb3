// Inference and encoding on real rows; skipped where the data is absent.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "features/pipeline.h"
#include "features/pipeline_fitter.h"
#include "features/schema_inferrer.h"
#include "tests/features/records.h"

namespace attune::features {
namespace {

std::filesystem::path DataPath(const std::string& file) {
  return std::filesystem::path(ATTUNE_SOURCE_DIR) / ".." / "shared" / "data" /
         file;
}

v1::Value FromJson(const nlohmann::json& json) {
  if (json.is_number()) return Number(json.get<double>());
  if (json.is_string()) return Text(json.get<std::string>());
  if (json.is_array()) return List(json.get<std::vector<std::string>>());
  return v1::Value();
}

std::vector<v1::Item> ReadJsonItems(const std::filesystem::path& path) {
  std::vector<v1::Item> items;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    const auto json = nlohmann::json::parse(line);
    v1::Item item;
    for (const auto& [name, value] : json.items()) {
      if (name == "item_id") {
        item.set_item_id(value.is_string() ? value.get<std::string>()
                                           : value.dump());
      } else if (name == "title") {
        item.set_title(value.get<std::string>());
      } else if (name == "tags") {
        for (const auto& tag : value) item.add_tags(tag.get<std::string>());
      } else {
        AddFeatures({{name, FromJson(value)}}, item);
      }
    }
    items.push_back(std::move(item));
  }
  return items;
}

// Cells as a reader without a schema gives them: numbers where they parse.
std::vector<Features> ReadTable(const std::filesystem::path& path) {
  const auto split = [](const std::string& line) {
    std::vector<std::string> cells;
    std::stringstream stream(line);
    for (std::string cell; std::getline(stream, cell, '\t');) {
      cells.push_back(cell);
    }
    return cells;
  };
  std::vector<Features> rows;
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  const auto names = split(line);
  while (std::getline(file, line)) {
    const auto cells = split(line);
    Features row;
    for (size_t i = 0; i < std::min(names.size(), cells.size()); ++i) {
      if (cells[i].empty()) continue;
      char* end = nullptr;
      const double number = std::strtod(cells[i].c_str(), &end);
      row.emplace_back(names[i],
                       *end == '\0' ? Number(number) : Text(cells[i]));
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

ColumnType TypeOf(const Schema& schema, Entity entity, const char* name) {
  const Column* column = schema.Find(entity, name);
  EXPECT_NE(column, nullptr) << name;
  return column == nullptr ? ColumnType::kText : column->type;
}

TEST(RealDataTest, Books) {
  const auto path = DataPath("sample-books/items.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  const auto items = ReadJsonItems(path);
  ASSERT_EQ(items.size(), 1000u);
  SchemaInferrer inferrer{Schema()};
  for (const v1::Item& item : items) inferrer.ObserveItem(item);
  const Schema schema = inferrer.Finish();
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "authors"), ColumnType::kMulti);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "language"),
            ColumnType::kCategorical);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "year"), ColumnType::kNumeric);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "average_rating"),
            ColumnType::kNumeric);
  EXPECT_EQ(schema.Find(Entity::kItem, "ratings_count")->transform,
            Transform::kLog);
  EXPECT_EQ(schema.columns().size(), 5u);

  PipelineFitter fitter(schema);
  for (const v1::Item& item : items) fitter.ObserveItem(item);
  const auto pipeline = fitter.Finish();
  ASSERT_TRUE(pipeline.ok()) << pipeline.status();
  RecordProperty("text_rows", pipeline->text_rows());
  RecordProperty("attribute_rows", pipeline->attribute_rows());
  RecordProperty("dense_width", pipeline->dense_width());
  EXPECT_GT(pipeline->text_rows(), 500);
  EXPECT_GT(pipeline->attribute_rows(), 100);

  // Book 2 of a series follows book 1 by author, series and number.
  HistoryProfile profile;
  profile.Add(pipeline->EncodeItem(items[0]), 1, 0, false);
  const v1::Item* second = nullptr;
  for (const v1::Item& item : items) {
    if (item.title() == "Catching Fire (The Hunger Games, #2)") second = &item;
  }
  ASSERT_NE(second, nullptr);
  RequestFeatures request;
  pipeline->PrepareRequest({}, profile, 0, false, &request);
  std::vector<float> dense(static_cast<size_t>(pipeline->dense_width()));
  pipeline->CandidateFeatures(pipeline->EncodeItem(*second), nullptr, profile,
                              request, dense);
  const auto value = [&](const char* name) {
    const auto& names = pipeline->dense_names();
    return dense[static_cast<size_t>(
        std::find(names.begin(), names.end(), name) - names.begin())];
  };
  EXPECT_EQ(value("series.next"), 1.0f);
  EXPECT_EQ(value("match.authors.last"), 1.0f);
  EXPECT_GT(value("match.title.jaccard"), 0.2f);

  size_t with_text = 0, bytes = 0;
  for (const v1::Item& item : items) {
    const ItemFeatures features = pipeline->EncodeItem(item);
    with_text += features.text_tokens.size() >= 3;
    bytes += features.Serialize().size();
  }
  EXPECT_GT(with_text, 950u);
  RecordProperty("bytes_per_item", static_cast<int>(bytes / items.size()));
}

TEST(RealDataTest, Retail) {
  const auto path = DataPath("sample-retail/items.jsonl");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  SchemaInferrer inferrer{Schema()};
  for (const v1::Item& item : ReadJsonItems(path)) inferrer.ObserveItem(item);
  const Schema schema = inferrer.Finish();
  ASSERT_EQ(schema.columns().size(), 1u);
  EXPECT_EQ(schema.columns()[0].name, "median_price");
  EXPECT_EQ(schema.columns()[0].type, ColumnType::kNumeric);
}

TEST(RealDataTest, Video) {
  const auto path = DataPath("sample-video/items.tsv");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << path << " is absent";
  SchemaInferrer inferrer{Schema()};
  for (Features& row : ReadTable(path)) {
    for (const auto& [name, value] : row) {
      if (name != "item_id") inferrer.Observe(Entity::kItem, name, value);
    }
  }
  for (Features& row : ReadTable(DataPath("sample-video/events.tsv"))) {
    std::erase_if(row, [](const auto& cell) {
      return cell.first == "user_id" || cell.first == "item_id" ||
             cell.first == "time_ms";
    });
    v1::Event event;
    AddFeatures(row, event);
    inferrer.ObserveEvent(event);
  }
  const Schema schema = inferrer.Finish();
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "author_id"),
            ColumnType::kCategorical);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "tag"), ColumnType::kCategorical);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "video_type"),
            ColumnType::kCategorical);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "upload_dt"), ColumnType::kTime);
  EXPECT_EQ(TypeOf(schema, Entity::kItem, "video_duration"),
            ColumnType::kNumeric);
  EXPECT_EQ(TypeOf(schema, Entity::kEvent, "tab"), ColumnType::kNumeric);
  EXPECT_EQ(schema.Find(Entity::kEvent, "is_click"), nullptr);
  EXPECT_EQ(schema.Find(Entity::kEvent, "long_view"), nullptr);
  EXPECT_EQ(schema.Find(Entity::kEvent, "is_profile_enter"), nullptr);
}

}  // namespace
}  // namespace attune::features
