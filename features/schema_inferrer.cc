#include "features/schema_inferrer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "features/hash.h"
#include "features/time_value.h"
#include "features/utf8.h"

namespace attune::features {
namespace {

constexpr size_t kMaxDistinct = 4096;
// Columns per entity: a file with a different name in every record must not
// grow without bound.
constexpr size_t kMaxColumns = 4096;

// Above these a string is prose rather than a label.
constexpr double kLabelBytes = 60;
constexpr double kLabelWords = 3.5;
constexpr double kProseDistinct = 0.5;
// A label that differs on nearly every row names the row.
constexpr size_t kSerialRows = 100;
constexpr double kSerialDistinct = 0.98;
// Heavy tails: prices, counts.
constexpr double kSkew = 10;

// Plausible Unix times: from 1973 on, in seconds or milliseconds.
constexpr double kFirstSecond = 1e8;
constexpr double kLastMs = 4.2e12;  // 2103

bool EndsWithWord(std::string_view name, std::string_view word) {
  if (!name.ends_with(word)) return false;
  return name.size() == word.size() ||
         name[name.size() - word.size() - 1] == '_';
}

template <size_t N>
bool EndsWithAny(std::string_view name,
                 const std::array<std::string_view, N>& words) {
  return std::any_of(words.begin(), words.end(), [name](std::string_view word) {
    return EndsWithWord(name, word);
  });
}

bool IsTimeName(std::string_view name) {
  constexpr std::array<std::string_view, 9> kWords = {
      "at",        "date",    "time",      "ts",     "dt",
      "timestamp", "created", "published", "updated"};
  return EndsWithAny(name, kWords);
}

// Numbers under these names are labels: sums and means of them mean nothing.
bool IsLabelName(std::string_view name) {
  constexpr std::array<std::string_view, 11> kWords = {
      "id",    "tag",  "category", "genre",      "type", "code",
      "class", "kind", "zip",      "occupation", "group"};
  return EndsWithAny(name, kWords);
}

// What people write, however short: events under these names.
bool IsTextName(std::string_view name) {
  constexpr std::array<std::string_view, 7> kWords = {
      "query", "search", "question", "text", "prompt", "dialogue", "message"};
  return EndsWithAny(name, kWords);
}

int64_t CountWords(std::string_view text) {
  int64_t words = 0;
  bool inside = false;
  for (const char c : text) {
    const bool space = c == ' ' || c == '\t' || c == '\n' || c == '\r';
    words += !space && !inside;
    inside = !space;
  }
  return words;
}

bool IsUnixTime(double number) {
  return number >= kFirstSecond && number <= kLastMs;
}

uint64_t HashNumber(double number) {
  return HashBytes(
      std::string_view(reinterpret_cast<const char*>(&number), sizeof(number)),
      1);
}

}  // namespace

SchemaInferrer::SchemaInferrer(Schema declared)
    : schema_(std::move(declared)) {}

void SchemaInferrer::Observe(Entity entity, std::string_view name,
                             const v1::Value& value) {
  if (value.kind_case() == v1::Value::KIND_NOT_SET) return;
  if (name.empty() || schema_.Find(entity, name) != nullptr) return;
  auto& columns = columns_[static_cast<size_t>(entity)];
  auto it = columns.find(name);
  if (it == columns.end()) {
    if (columns.size() >= kMaxColumns || !IsValidUtf8(name)) return;
    it = columns.emplace(name, Statistics()).first;
  }
  Statistics& statistics = it->second;
  const auto count_distinct = [&statistics](uint64_t hash) {
    if (statistics.distinct.size() >= kMaxDistinct) return;
    statistics.distinct.insert(hash);
    ++statistics.rows_while_distinct;
  };
  switch (value.kind_case()) {
    case v1::Value::kNumber: {
      const double number = value.number();
      if (!std::isfinite(number)) return;
      const bool first = statistics.numbers == 0;
      statistics.minimum =
          first ? number : std::min(statistics.minimum, number);
      statistics.maximum =
          first ? number : std::max(statistics.maximum, number);
      statistics.sum += number;
      ++statistics.numbers;
      statistics.integers += std::trunc(number) == number;
      statistics.unix_times += IsUnixTime(number);
      count_distinct(HashNumber(number));
      break;
    }
    case v1::Value::kText: {
      const std::string& text = value.text();
      if (text.empty()) return;
      ++statistics.texts;
      statistics.text_bytes += static_cast<int64_t>(text.size());
      statistics.text_words += CountWords(text);
      statistics.dates += ParseDateMs(text).has_value();
      count_distinct(HashBytes(text));
      break;
    }
    case v1::Value::kList:
      ++statistics.lists;
      break;
    case v1::Value::KIND_NOT_SET:
      break;
  }
}

void SchemaInferrer::ObserveItem(const v1::Item& item) {
  for (const v1::Feature& feature : item.features()) {
    Observe(Entity::kItem, feature.name(), feature.value());
  }
}

void SchemaInferrer::ObserveUser(const v1::User& user) {
  for (const v1::Feature& feature : user.features()) {
    Observe(Entity::kUser, feature.name(), feature.value());
  }
}

void SchemaInferrer::ObserveEvent(const v1::Event& event) {
  for (const v1::Feature& feature : event.features()) {
    if (schema_.ResultAction(feature.name()).has_value()) continue;
    Observe(Entity::kEvent, feature.name(), feature.value());
  }
}

Column SchemaInferrer::Infer(Entity entity, const std::string& name,
                             const Statistics& statistics) {
  Column column{.name = name,
                .entity = entity,
                .type = ColumnType::kCategorical,
                .transform = Transform::kHash,
                .inferred = true};
  const Statistics& s = statistics;
  if (s.lists > 0) {
    column.type = ColumnType::kMulti;
    return column;
  }
  const int64_t values = s.numbers + s.texts;
  const bool all_dates = s.dates == values;
  const bool all_unix = s.unix_times == values && IsTimeName(name);
  if (all_dates || all_unix) {
    column.type = ColumnType::kTime;
    column.transform = Transform::kStandardise;
    return column;
  }
  const bool serial =
      s.distinct.size() >= kSerialRows &&
      static_cast<double>(s.distinct.size()) >=
          kSerialDistinct * static_cast<double>(s.rows_while_distinct);
  if (s.texts == 0) {
    if (IsLabelName(name) && s.integers == s.numbers) {
      if (serial) column.transform = Transform::kIgnore;
      return column;
    }
    column.type = ColumnType::kNumeric;
    const double mean = s.sum / static_cast<double>(s.numbers);
    const bool skewed = s.minimum >= 0 && s.maximum > kSkew * mean;
    column.transform = skewed ? Transform::kLog : Transform::kStandardise;
    return column;
  }
  if (entity == Entity::kEvent && IsTextName(name)) {
    column.type = ColumnType::kText;
    column.transform = Transform::kNone;
    return column;
  }
  const double texts = static_cast<double>(s.texts);
  const double mean_bytes = static_cast<double>(s.text_bytes) / texts;
  const double mean_words = static_cast<double>(s.text_words) / texts;
  const bool varied =
      static_cast<double>(s.distinct.size()) >
      kProseDistinct * static_cast<double>(s.rows_while_distinct);
  if (mean_bytes > kLabelBytes || (mean_words > kLabelWords && varied)) {
    column.type = ColumnType::kText;
    column.transform = Transform::kNone;
    return column;
  }
  if (serial) column.transform = Transform::kIgnore;
  return column;
}

Schema SchemaInferrer::Finish() const {
  Schema schema = schema_;
  for (const Entity entity : {Entity::kItem, Entity::kUser, Entity::kEvent}) {
    for (const auto& [name, s] : columns_[static_cast<size_t>(entity)]) {
      if (s.numbers + s.texts + s.lists == 0) continue;
      // An item column under the name of a fixed field (a number as title) has
      // no place in the schema and stays unused.
      schema.AddColumn(Infer(entity, name, s)).IgnoreError();
    }
  }
  return schema;
}

}  // namespace attune::features
