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

  /// A key's final row; `value` is null for a deletion. Views live during the
  /// call.
  using RowFunction = absl::FunctionRef<absl::Status(
      std::string_view key, const std::string_view* value)>;
  /// Calls fn for each key of the family in key order. Histories and counters
  /// are merged with what the view has.
  absl::Status ForEachRow(const View& view, Family family, RowFunction fn);

 private:
  enum class Kind : uint8_t { kPut, kDelete, kMerge };
  struct Change {
    std::string_view key;
    std::string_view value;
    Kind kind = Kind::kPut;
  };

  void Add(Family family, std::string_view key, std::string_view value,
           Kind kind);
  std::string_view Keep(std::string_view bytes);
  absl::Status MergeRows(const View& view, Family family,
                         const std::vector<Change>& changes, RowFunction fn);

  std::array<std::vector<Change>, kFamilyCount> changes_;
  std::vector<std::unique_ptr<char[]>> blocks_;
  size_t block_left_ = 0;
  char* block_next_ = nullptr;
  bool has_ranges_ = false;
};

}  // namespace attune::storage
