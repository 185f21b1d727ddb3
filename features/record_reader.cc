#include "features/record_reader.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>
#include <utility>

#include "base/strings.h"
#include "features/hash.h"
#include "features/item_features.h"
#include "features/series_title.h"
#include "features/time_value.h"
#include "features/utf8.h"

namespace attune::features {
namespace {

// Frozen: the hashes are stored in models. Words and n-grams of equal letters
// ("the" is also an n-gram of "<the>") must differ.
constexpr uint64_t kWordSeed = 1;
constexpr uint64_t kNgramSeed = 2;
constexpr uint64_t kTitleKeySeed = 3;
constexpr double kMsPerDay = 86'400'000.0;

// A list of one is as good as the value.
const std::string* AsText(const v1::Value& value) {
  if (value.kind_case() == v1::Value::kText) return &value.text();
  if (value.kind_case() == v1::Value::kList &&
      value.list().values_size() == 1) {
    return &value.list().values(0);
  }
  return nullptr;
}

std::optional<double> AsNumber(const v1::Value& value) {
  double number = 0;
  if (value.kind_case() == v1::Value::kNumber) {
    number = value.number();
  } else if (const std::string* text = AsText(value)) {
    const char* end = text->data() + text->size();
    const auto parsed = std::from_chars(text->data(), end, number);
    if (parsed.ec != std::errc() || parsed.ptr != end) return std::nullopt;
  } else {
    return std::nullopt;
  }
  if (!std::isfinite(number)) return std::nullopt;
  return number;
}

std::optional<int64_t> AsTimeMs(const v1::Value& value) {
  if (const std::string* text = AsText(value)) {
    if (const auto date = ParseDateMs(*text)) return date;
  }
  const std::optional<double> number = AsNumber(value);
  return number.has_value() ? NumberToTimeMs(*number) : std::nullopt;
}

// The text of a number that serves as a label: 7 and 7.0 are "7".
std::string LabelOf(double number) {
  char buffer[32];
  const auto written = std::to_chars(buffer, buffer + sizeof(buffer), number);
  return {buffer, written.ptr};
}

double SignedLog(double x) { return std::copysign(std::log1p(std::abs(x)), x); }

}  // namespace

uint64_t WordHash(std::string_view word) { return HashBytes(word, kWordSeed); }

uint64_t TitleKey(uint64_t word_hash) {
  // The low byte is taken by the field, so mix once more.
  const std::string_view bytes(reinterpret_cast<const char*>(&word_hash),
                               sizeof(word_hash));
  return MakeAttributeKey(kTitleField, HashBytes(bytes, kTitleKeySeed));
}

uint64_t BucketKey(const RecordPlan::NumericColumn& column, size_t bucket) {
  const uint64_t number = bucket;
  const std::string_view bytes(reinterpret_cast<const char*>(&number),
                               sizeof(number));
  return MakeAttributeKey(kTokenOnlyField, HashBytes(bytes, column.seed));
}

size_t BucketOf(double value, const std::vector<double>& bounds) {
  return static_cast<size_t>(
      std::upper_bound(bounds.begin(), bounds.end(), value) - bounds.begin());
}

void TextHashes::Clear() {
  words.clear();
  ngrams.clear();
  ngram_end.clear();
  title_words = 0;
}

void RecordReader::Reset() {
  record_.text.Clear();
  record_.attribute_keys.clear();
  record_.numeric.assign(plan_->numerics.size(),
                         std::numeric_limits<double>::quiet_NaN());
  record_.times_ms.assign(plan_->time_names.size(), ItemFeatures::kMissingTime);
  record_.series_number = 0;
  record_.search_keys.clear();
  search_words_ = search_parts_ = 0;
}

void RecordReader::AddSearchWords(size_t count, SearchKind kind,
                                  bool with_parts) {
  for (size_t i = 0; i < count; ++i) {
    if (search_words_ < kMaxSearchWords) {
      ++search_words_;
      record_.search_keys.push_back(
          MakeSearchKey(kind, SearchHash(WordHash(words_[i]))));
    }
    if (!with_parts || search_parts_ >= kMaxSearchParts) continue;
    grams_.clear();
    AppendCharacterNgrams(words_[i], 3, &grams_);
    for (const std::string& gram : grams_) {
      if (search_parts_ == kMaxSearchParts) break;
      ++search_parts_;
      record_.search_keys.push_back(MakeSearchKey(
          SearchKind::kPart, SearchHash(HashBytes(gram, kNgramSeed))));
    }
  }
}

void RecordReader::FinishSearchKeys() {
  std::vector<uint32_t>& keys = record_.search_keys;
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  const auto titles =
      std::partition_point(keys.begin(), keys.end(), [](uint32_t key) {
        return KindOfSearchKey(key) == SearchKind::kTitleWord;
      });
  const auto is_repeat = [&](uint32_t key) {
    return KindOfSearchKey(key) == SearchKind::kOtherWord &&
           std::binary_search(
               keys.begin(), titles,
               MakeSearchKey(SearchKind::kTitleWord, HashOfSearchKey(key)));
  };
  keys.erase(std::remove_if(titles, keys.end(), is_repeat), keys.end());
}

void RecordReader::AddWords(std::string_view text, size_t limit,
                            SearchKind kind) {
  tokenizer_->Words(text, &words_);
  const size_t count = std::min(words_.size(), limit);
  if (plan_->search) {
    AddSearchWords(count, kind, kind == SearchKind::kTitleWord);
  }
  for (size_t i = 0; i < count; ++i) {
    record_.text.words.push_back(WordHash(words_[i]));
    grams_.clear();
    // Four letters first: the best compromise where there is no room for all.
    for (const int n : {4, 3, 5}) AppendCharacterNgrams(words_[i], n, &grams_);
    for (const std::string& gram : grams_) {
      record_.text.ngrams.push_back(HashBytes(gram, kNgramSeed));
    }
    record_.text.ngram_end.push_back(record_.text.ngrams.size());
  }
}

void RecordReader::AddTitle(std::string_view title) {
  if (title.empty()) return;
  AddWords(title, kMaxTitleWords, SearchKind::kTitleWord);
  record_.text.title_words = record_.text.words.size();

  const BracketedTitle parts = SplitBrackets(title);
  tokenizer_->Words(parts.before, &words_);
  tokenizer_->Words(parts.inside, &bracket_words_);
  const SeriesTitle series = ReadSeriesTitle(words_, bracket_words_);
  if (series.name.empty()) return;
  const RecordPlan::AttributeColumn& column =
      plan_->attributes[static_cast<size_t>(kSeriesField)];
  record_.attribute_keys.push_back(
      MakeAttributeKey(column.field, HashBytes(series.name, column.seed)));
  record_.series_number = series.number;
}

void RecordReader::AddValue(const RecordPlan::AttributeColumn& column,
                            std::string_view value) {
  const std::string normalised =
      tokenizer_->Normalise(CutUtf8(value, kMaxValueBytes));
  if (normalised.empty()) return;
  record_.attribute_keys.push_back(
      MakeAttributeKey(column.field, HashBytes(normalised, column.seed)));
  if (!plan_->search) return;
  tokenizer_->Words(normalised, &words_);
  AddSearchWords(words_.size(), SearchKind::kOtherWord, /*with_parts=*/true);
}

void RecordReader::AddAttribute(const RecordPlan::AttributeColumn& column,
                                const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kNumber:
      if (std::isfinite(value.number())) {
        AddValue(column, LabelOf(value.number()));
      }
      break;
    case v1::Value::kText:
      AddValue(column, value.text());
      break;
    case v1::Value::kList: {
      const int count = std::min(value.list().values_size(),
                                 static_cast<int>(kMaxValuesPerField));
      for (int i = 0; i < count; ++i) AddValue(column, value.list().values(i));
      break;
    }
    case v1::Value::KIND_NOT_SET:
      break;
  }
}

void RecordReader::AddNumeric(size_t index, const v1::Value& value) {
  const RecordPlan::NumericColumn& column = plan_->numerics[index];
  if (column.is_time) {
    const std::optional<int64_t> time_ms = AsTimeMs(value);
    if (!time_ms.has_value()) return;
    record_.times_ms[static_cast<size_t>(column.time_index)] = *time_ms;
    record_.numeric[index] = static_cast<double>(*time_ms) / kMsPerDay;
    return;
  }
  const std::optional<double> number = AsNumber(value);
  if (!number.has_value()) return;
  record_.numeric[index] =
      column.transform == Transform::kLog ? SignedLog(*number) : *number;
}

void RecordReader::AddFeature(const v1::Feature& feature) {
  const RecordPlan::Use* use = plan_->Find(feature.name());
  if (use == nullptr) return;
  const size_t index = static_cast<size_t>(use->index);
  switch (use->role) {
    case RecordPlan::Role::kAttribute:
      AddAttribute(plan_->attributes[index], feature.value());
      break;
    case RecordPlan::Role::kNumeric:
      AddNumeric(index, feature.value());
      break;
    case RecordPlan::Role::kText:
      break;  // after the description, so that it comes before them
  }
}

const RawRecord& RecordReader::ReadItem(const v1::Item& item) {
  Reset();
  if (plan_->use_title) AddTitle(item.title());
  const auto add_other_words = [this](std::string_view text) {
    const size_t used = record_.text.words.size() - record_.text.title_words;
    if (used < kMaxOtherWords) {
      AddWords(text, kMaxOtherWords - used, SearchKind::kOtherWord);
    }
  };
  if (plan_->use_description) add_other_words(item.description());
  for (const v1::Feature& feature : item.features()) {
    const RecordPlan::Use* use = plan_->Find(feature.name());
    if (use == nullptr || use->role != RecordPlan::Role::kText) continue;
    if (const std::string* text = AsText(feature.value())) {
      add_other_words(*text);
    }
  }
  const auto add_list = [this](int field, const auto& values) {
    const int count =
        std::min(values.size(), static_cast<int>(kMaxValuesPerField));
    for (int i = 0; i < count; ++i) {
      AddValue(plan_->attributes[static_cast<size_t>(field)], values[i]);
    }
  };
  if (plan_->use_categories) add_list(kCategoriesField, item.categories());
  for (const v1::Feature& feature : item.features()) AddFeature(feature);
  if (plan_->use_tags) add_list(kTagsField, item.tags());
  if (plan_->search) FinishSearchKeys();
  return record_;
}

const RawRecord& RecordReader::ReadUser(const v1::User& user) {
  Reset();
  for (const v1::Feature& feature : user.features()) AddFeature(feature);
  return record_;
}

const RawRecord& RecordReader::ReadContext(
    const google::protobuf::RepeatedPtrField<v1::Feature>& features) {
  Reset();
  for (const v1::Feature& feature : features) {
    AddFeature(feature);
    const RecordPlan::Use* use = plan_->Find(feature.name());
    if (use == nullptr || use->role != RecordPlan::Role::kText) continue;
    const std::string* text = AsText(feature.value());
    const size_t used = record_.text.words.size();
    if (text == nullptr || used >= kMaxTitleWords + kMaxOtherWords) continue;
    AddWords(*text, kMaxTitleWords + kMaxOtherWords - used,
             SearchKind::kTitleWord);
    AddSearchWords(record_.text.words.size() - used, SearchKind::kTitleWord,
                   /*with_parts=*/true);
  }
  record_.text.title_words = record_.text.words.size();
  FinishSearchKeys();
  return record_;
}

const TextHashes& RecordReader::ReadText(std::string_view text) {
  Reset();
  AddWords(text, kMaxTitleWords + kMaxOtherWords, SearchKind::kTitleWord);
  record_.text.title_words = record_.text.words.size();
  return record_.text;
}

}  // namespace attune::features
