#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/batch/batch_journal.h"
#include "engine/io/file_descriptor.h"

namespace attune {

/// A batch's output while it grows: `PATH.part`, beside it the journal
/// `PATH.part.journal`. PATH itself appears by rename when all is written. Two
/// jobs cannot write the same output at a time (the part is locked). Not
/// thread-safe, but may be handed from thread to thread.
class BatchOutput {
 public:
  /// Begins anew, forgetting an unfinished part. FailedPrecondition where
  /// another job writes it.
  static absl::StatusOr<BatchOutput> Begin(const std::string& path);

  /// Continues at the place that `journal` names and cuts off what is behind.
  /// DataLoss where the part is shorter.
  static absl::StatusOr<BatchOutput> Continue(const std::string& path,
                                              const BatchJournal& journal);

  static std::string PartPath(const std::string& path);
  static std::string JournalPath(const std::string& path);

  /// Appends to the part; journal->bytes counts along. Not yet acknowledged.
  absl::Status Append(std::string_view bytes, BatchJournal* journal);
  /// The part and then the journal to the disk: all up to here survives.
  absl::Status Commit(const BatchJournal& journal);
  /// Commits as complete, renames, removes the journal.
  absl::Status Finish(BatchJournal* journal);

  /// The rest of Finish(), where the process ended within it: PATH is complete
  /// or only has to be renamed. REQUIRES: the journal says complete.
  static absl::Status FinishInterrupted(const std::string& path,
                                        const BatchJournal& journal);

 private:
  BatchOutput(std::string path, FileDescriptor part)
      : path_(std::move(path)), part_(std::move(part)) {}

  static absl::StatusOr<FileDescriptor> OpenPart(const std::string& path);

  std::string path_;
  FileDescriptor part_;
};

}  // namespace attune
