#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "features/schema.h"
#include "proto/records.pb.h"

namespace attune::features {

/// Finds out what undeclared columns hold while records are read. Memory is
/// bounded per column. Not thread-safe.
///
/// Rules, first that fits: a list anywhere: multi; all values are dates, or
/// numbers in the range of Unix times under a name like *_at, *_date, *_time:
/// time; a name like *_id, tag, type or code: categorical; all numbers:
/// numeric (log where skewed); long or many-worded strings, and those of events
/// under a name like query, question, *_text: text; else
/// categorical. Categorical values that are different on nearly every row (a
/// serial number) are ignored: they would stand for the row itself.
class SchemaInferrer {
 public:
  /// Declared columns of `declared` are kept as they are.
  explicit SchemaInferrer(Schema declared);

  void Observe(Entity entity, std::string_view name, const v1::Value& value);
  /// Every feature of a record. The result columns of events are left out.
  void ObserveItem(const v1::Item& item);
  void ObserveUser(const v1::User& user);
  void ObserveEvent(const v1::Event& event);

  /// The declared schema plus the inferred columns, sorted by entity and name.
  /// Columns without any value yet are left out.
  Schema Finish() const;

 private:
  struct Statistics {
    int64_t numbers = 0, integers = 0, texts = 0, lists = 0;
    int64_t dates = 0;       // texts that parse as a date
    int64_t unix_times = 0;  // numbers in the range of Unix times
    int64_t text_bytes = 0, text_words = 0;
    double minimum = 0, maximum = 0, sum = 0;
    absl::flat_hash_set<uint64_t> distinct;  // bounded, see kMaxDistinct
    int64_t rows_while_distinct = 0;         // rows counted by `distinct`
  };
  static Column Infer(Entity entity, const std::string& name,
                      const Statistics& statistics);

  Schema schema_;
  // By entity; found by view, since this runs for every cell of a file.
  std::array<std::map<std::string, Statistics, std::less<>>, 3> columns_;
};

}  // namespace attune::features
