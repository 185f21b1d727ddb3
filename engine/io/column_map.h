#pragma once

#include <map>
#include <string>
#include <string_view>
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

  /// Adds renames, new name to old name, for new names that the map does not
  /// have yet. They apply where their source is there and CheckSources does not
  /// ask for it: a schema's map speaks of several files.
  void AddDefaults(const std::map<std::string, std::string>& renames);

  /// The name that column `old_name` has for us; empty = dropped. The result
  /// views this map or the argument.
  std::string_view NewName(std::string_view old_name) const;

  bool empty() const { return renames_.empty() && drops_.empty(); }

  /// InvalidArgument where a source column of the map is in none of `columns`;
  /// the message lists the ones there are. `where` names the file or files.
  absl::Status CheckSources(const std::vector<std::string>& columns,
                            std::string_view where) const;

 private:
  struct Rename {
    std::string from;
    std::string to;
    bool required;
  };
  std::vector<Rename> renames_;
  std::vector<std::string> drops_;
};

}  // namespace attune
