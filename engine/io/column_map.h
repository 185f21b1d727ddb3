#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// Renames and drops a file's columns before anything else looks at them.
/// Immutable, thread-safe.
class ColumnMap {
 public:
  ColumnMap() = default;

  /// `renames` is "NEW=OLD,…" (read column OLD as NEW; all at once, so that
  /// "a=b,b=a" swaps) and `drops` is "COLUMN,…". InvalidArgument where a name
  /// is empty or named twice.
  static absl::StatusOr<ColumnMap> Parse(std::string_view renames,
                                         std::string_view drops = {});

  /// The name that column `old_name` has for us; empty = dropped. The result
  /// views this map or the argument.
  std::string_view NewName(std::string_view old_name) const;

  bool empty() const { return renames_.empty() && drops_.empty(); }

  /// InvalidArgument where a source column of the map is in none of `columns`;
  /// the message lists the ones there are. `where` names the file or files.
  absl::Status CheckSources(const std::vector<std::string>& columns,
                            std::string_view where) const;

 private:
  std::vector<std::pair<std::string, std::string>> renames_;  // old, new
  std::vector<std::string> drops_;
};

}  // namespace attune
