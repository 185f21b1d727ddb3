#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/row_sink.h"
#include "storage/view.h"

namespace attune::storage {

/// Collects a group's row changes, sorts them, and folds those of one key into
/// one final row: what the key would hold after a Write. Memory: the rows'
/// bytes plus about 50 bytes each.
class BulkRows : public RowSink {
 public:
  void Put(Family family, std::string_view key,
           std::string_view value) override;
  void Delete(Family family, std::string_view key) override;
  /// Not supported: has_ranges() is true afterwards, and the rows are useless.
  /// A range in a table file would not hide the file's own earlier rows.
  void DeleteRange(Family family, std::string_view begin,
                   std::string_view end) override;
  void Merge(Family family, std::string_view key,
             std::string_view operand) override;

  bool has_ranges() const { return has_ranges_; }

  enum class Kind : uint8_t { kPut, kDelete, kMerge };
  /// A key's final row; a merge's value is all its operands as one. Views live
  /// during the call.
  struct Row {
    std::string_view key;
    std::string_view value;
    Kind kind = Kind::kPut;
  };
  /// Calls fn for each key of the family in key order. Counters are merged with
  /// what the view has: an item may have been counted a hundred thousand times,
  /// and whoever reads it next should not have to add that up. Histories that
  /// existed before stay merges, because each load would rewrite them whole for
  /// an event or two more.
  absl::Status ForEachRow(const View& view, Family family,
                          absl::FunctionRef<absl::Status(const Row&)> fn);

 private:
  void Add(Family family, std::string_view key, std::string_view value,
           Kind kind);
  std::string_view Keep(std::string_view bytes);
  absl::Status MergeCounters(const View& view,
                             absl::FunctionRef<absl::Status(const Row&)> fn);

  std::array<std::vector<Row>, kFamilyCount> changes_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_left_ = 0;
  char* block_next_ = nullptr;
  bool has_ranges_ = false;
};

}  // namespace attune::storage
