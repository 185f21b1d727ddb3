#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune {

/// What a batch job leaves beside its unfinished output so that it can be
/// continued: how far it came, and what must be the same for the rest to fit.
/// `bytes` of the output are complete; what lies behind them is cut off.
struct BatchJournal {
  static constexpr int64_t kFormatVersion = 1;

  // The job, fixed at its start.
  std::string format;  ///< "jsonl", "tsv", "jsonl.gz", "tsv.gz"
  int64_t k = 0;
  bool explain = false;
  std::string candidates;  ///< hash of the list; empty: none
  std::string policy;      ///< hash of the policy; empty: none
  std::string model;       ///< version that answers
  int64_t now_ms = 0;      ///< the time that every request is ranked at
  int64_t chunk_users = 0;
  bool use_kept_states = false;

  // How far it came.
  int64_t users = 0;
  std::string users_hash;  ///< of their ids, in order
  int64_t bytes = 0;
  int64_t items = 0;
  int64_t users_without_history = 0;
  bool complete = false;  ///< the output only has to be renamed
};

/// InvalidArgument (not a journal) or FailedPrecondition (of a newer version),
/// naming the path; NotFound where there is none.
absl::StatusOr<BatchJournal> ReadBatchJournal(const std::string& path);

/// Replaces the file atomically; on return it is on the disk.
absl::Status WriteBatchJournal(const std::string& path,
                               const BatchJournal& journal);

/// FailedPrecondition, with both values, unless `now` may go on where `before`
/// stopped: the same format, k, explain, candidates, policy and states.
absl::Status CheckSameJob(const BatchJournal& before, const BatchJournal& now);

}  // namespace attune
