#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

/// A sequence of user or item ids that can be much longer than memory. Giving
/// out the same ids in the same order again is what makes a batch resumable.
/// Not thread-safe.
class IdSource {
 public:
  virtual ~IdSource() = default;

  /// Sets *id to the next one; false at the end. Errors end the sequence.
  virtual absl::StatusOr<bool> Next(std::string* id) = 0;

  /// How many there are in all; -1 where that is not known.
  virtual int64_t total() const { return -1; }

  /// Where the id that Next() gave last stands, for messages: "users.txt:12".
  virtual std::string where() const = 0;
};

/// The ids in the file's order, repeats included. `field` is the column, such
/// as "user_id", of
///   JSON lines  .jsonl .ndjson .json
///   TSV         .tsv .tab, with a header row
/// and any other file holds one id per line (blank lines are skipped), unless
/// its first line is a JSON object, holds a tab or is `field`. Each may be
/// gzip.
///
/// Reads the whole file once to check and count it, since a batch should not
/// fail after hours: the first bad row is an InvalidArgument that names it, and
/// so is a CSV file. Numbers become their text.
absl::StatusOr<std::unique_ptr<IdSource>> OpenIdFile(const std::string& path,
                                                     std::string_view field);

/// The given ids.
std::unique_ptr<IdSource> IdsOf(std::vector<std::string> ids);

/// All ids of a file, as OpenIdFile; for lists that are used more than once,
/// such as a batch's candidates.
absl::StatusOr<std::vector<std::string>> ReadIdFile(const std::string& path,
                                                    std::string_view field);

}  // namespace attune
