#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "features/record_plan.h"
#include "features/search_key.h"
#include "features/tokenizer.h"
#include "proto/records.pb.h"

namespace attune::features {

/// Hashes of a record's texts.
struct TextHashes {
  std::vector<uint64_t> words;    ///< title first; repeats kept
  std::vector<uint64_t> ngrams;   ///< of all words, word by word
  std::vector<size_t> ngram_end;  ///< [words]: where word i's n-grams end
  size_t title_words = 0;

  void Clear();
};

/// A record as numbers that no training data has touched yet: what the fitter
/// counts and the pipeline looks up.
struct RawRecord {
  TextHashes text;
  /// "field=value" pairs in the plan's order, without title words; the low
  /// byte is the match field or kTokenOnlyField. Repeats are possible.
  std::vector<uint64_t> attribute_keys;
  /// [plan.numerics]: after log, NaN where missing. Times are in days.
  std::vector<double> numeric;
  /// [plan.time_names]: Unix ms or ItemFeatures::kMissingTime.
  std::vector<int64_t> times_ms;
  int32_t series_number = 0;
  /// Of items where plan.search, of a context its texts' (all as titles'):
  /// sorted, no repeats. A title's word is no other word, too.
  std::vector<uint32_t> search_keys;
};

/// Reads records by a plan. Not thread-safe: one per thread. Views the plan.
class RecordReader {
 public:
  RecordReader(const RecordPlan& plan, std::unique_ptr<Tokenizer> tokenizer)
      : plan_(&plan), tokenizer_(std::move(tokenizer)) {}

  const RawRecord& ReadItem(const v1::Item& item);
  const RawRecord& ReadUser(const v1::User& user);
  const RawRecord& ReadContext(
      const google::protobuf::RepeatedPtrField<v1::Feature>& features);
  const TextHashes& ReadText(std::string_view text);
  const Tokenizer& tokenizer() const { return *tokenizer_; }

  /// Bounds of one record; what is beyond them is left out.
  static constexpr size_t kMaxTitleWords = 24;
  static constexpr size_t kMaxOtherWords = 64;
  static constexpr size_t kMaxValuesPerField = 32;
  static constexpr size_t kMaxValueBytes = 256;
  static constexpr size_t kMaxSearchWords = 96;
  static constexpr size_t kMaxSearchParts = 96;

 private:
  void Reset();
  void AddWords(std::string_view text, size_t limit, SearchKind kind);
  // The first `count` of words_.
  void AddSearchWords(size_t count, SearchKind kind, bool with_parts);
  void FinishSearchKeys();
  void AddTitle(std::string_view title);
  void AddValue(const RecordPlan::AttributeColumn& column,
                std::string_view value);
  void AddFeature(const v1::Feature& feature);
  void AddAttribute(const RecordPlan::AttributeColumn& column,
                    const v1::Value& value);
  void AddNumeric(size_t index, const v1::Value& value);

  const RecordPlan* plan_;
  std::unique_ptr<Tokenizer> tokenizer_;
  RawRecord record_;
  std::vector<std::string> words_, bracket_words_, grams_;  // scratch
  size_t search_words_ = 0, search_parts_ = 0;
};

/// The hash of a word of a text, and that of its title match key.
uint64_t WordHash(std::string_view word);
uint64_t TitleKey(uint64_t word_hash);

/// The token of a numeric column's bucket.
uint64_t BucketKey(const RecordPlan::NumericColumn& column, size_t bucket);
/// Which bucket `value` falls in; bounds ascend.
size_t BucketOf(double value, const std::vector<double>& bounds);

}  // namespace attune::features
