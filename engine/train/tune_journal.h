#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace attune {

/// What a search has measured: a JSON line that says which search it is, then
/// one per finished training, each on the disk before the next begins. A last
/// line that a crash cut off is dropped.
class TuneJournal {
 public:
  /// What must be the same for a search to go on.
  struct Search {
    std::string base, space;  ///< JSON
    int trials = 0;
    int rungs = 0;
    uint64_t seed = 0;
  };

  /// Reads the file at `path`, or begins one. FailedPrecondition, naming what
  /// differs, where it is of another search; InvalidArgument where it is no
  /// journal.
  static absl::StatusOr<TuneJournal> Open(const std::string& path,
                                          const Search& search);

  /// The metric of a trial's training on a rung, if it is done.
  std::optional<double> Find(int trial, int rung) const;
  /// FailedPrecondition where `fingerprint` is not that of the trainings
  /// before: the data have changed.
  absl::Status Add(int trial, int rung, double metric,
                   const std::string& fingerprint);
  /// Whether the file was there.
  bool continued() const { return continued_; }

 private:
  absl::Status Read(const std::string& text, const std::string& header);

  std::string path_, text_, fingerprint_;
  std::map<std::pair<int, int>, double> metrics_;
  bool continued_ = false;
};

}  // namespace attune
