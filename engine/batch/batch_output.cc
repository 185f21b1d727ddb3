#include "engine/batch/batch_output.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

absl::Status Named(const std::string& path, absl::Status status) {
  if (status.ok()) return status;
  return absl::Status(status.code(),
                      StrCat(path, ": ", ToStd(status.message())));
}

absl::Status Remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) {
    return ErrnoStatus(errno, StrCat(path, ": cannot remove"));
  }
  return absl::OkStatus();
}

absl::Status Truncate(const FileDescriptor& file, const std::string& path,
                      int64_t size) {
  if (::ftruncate(file.get(), size) != 0 ||
      ::lseek(file.get(), size, SEEK_SET) != size) {
    return ErrnoStatus(errno, StrCat(path, ": cannot truncate"));
  }
  return absl::OkStatus();
}

// Renames the complete part and removes the journal, in this order: a death in
// between leaves a journal that says complete, which FinishInterrupted() knows.
absl::Status Publish(const std::string& path) {
  const std::string part = BatchOutput::PartPath(path);
  if (std::rename(part.c_str(), path.c_str()) != 0) {
    return ErrnoStatus(errno, StrCat(part, ": cannot rename"));
  }
  ATTUNE_RETURN_IF_ERROR(SyncDirectory(ParentDirectory(path)));
  return Remove(BatchOutput::JournalPath(path));
}

}  // namespace

std::string BatchOutput::PartPath(const std::string& path) {
  return path + ".part";
}

std::string BatchOutput::JournalPath(const std::string& path) {
  return path + ".part.journal";
}

absl::StatusOr<FileDescriptor> BatchOutput::OpenPart(const std::string& path) {
  const std::string part = PartPath(path);
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(FileDescriptor file,
                            FileDescriptor::Open(part, O_RDWR | O_CREAT));
    if (::flock(file.get(), LOCK_EX | LOCK_NB) != 0) {
      if (errno == EWOULDBLOCK) {
        return absl::FailedPreconditionError(
            StrCat(part, ": another batch job is writing it"));
      }
      return ErrnoStatus(errno, StrCat(part, ": cannot lock"));
    }
    // Another job may have renamed it between our open and our lock.
    struct stat opened{}, named{};
    if (::fstat(file.get(), &opened) == 0 &&
        ::stat(part.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
        opened.st_dev == named.st_dev) {
      return file;
    }
  }
}

absl::StatusOr<BatchOutput> BatchOutput::Begin(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor part, OpenPart(path));
  // The journal first: it must never speak of a part that is not there.
  ATTUNE_RETURN_IF_ERROR(Remove(JournalPath(path)));
  ATTUNE_RETURN_IF_ERROR(Truncate(part, PartPath(path), 0));
  return BatchOutput(path, std::move(part));
}

absl::StatusOr<BatchOutput> BatchOutput::Continue(const std::string& path,
                                                  const BatchJournal& journal) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor part, OpenPart(path));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, part.SizeBytes(PartPath(path)));
  if (size < journal.bytes) {
    return absl::DataLossError(
        StrCat(PartPath(path), ": has ", size, " bytes, its journal says ",
               journal.bytes, "; start again without resuming"));
  }
  ATTUNE_RETURN_IF_ERROR(Truncate(part, PartPath(path), journal.bytes));
  return BatchOutput(path, std::move(part));
}

absl::Status BatchOutput::Append(std::string_view bytes,
                                 BatchJournal* journal) {
  ATTUNE_RETURN_IF_ERROR(Named(PartPath(path_), part_.WriteAll(bytes)));
  journal->bytes += static_cast<int64_t>(bytes.size());
  return absl::OkStatus();
}

absl::Status BatchOutput::Commit(const BatchJournal& journal) {
  ATTUNE_RETURN_IF_ERROR(Named(PartPath(path_), part_.Sync()));
  return WriteBatchJournal(JournalPath(path_), journal);
}

absl::Status BatchOutput::Finish(BatchJournal* journal) {
  journal->complete = true;
  ATTUNE_RETURN_IF_ERROR(Commit(*journal));
  return Publish(path_);
}

absl::Status BatchOutput::FinishInterrupted(const std::string& path,
                                            const BatchJournal& journal) {
  if (::access(PartPath(path).c_str(), F_OK) == 0) {
    // Opened for the lock, and to see that it is as long as it should be.
    ATTUNE_ASSIGN_OR_RETURN(const BatchOutput output, Continue(path, journal));
    return Publish(path);
  }
  ATTUNE_ASSIGN_OR_RETURN(const FileDescriptor file,
                          FileDescriptor::OpenForReading(path));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, file.SizeBytes(path));
  if (size != journal.bytes) {
    return absl::DataLossError(StrCat(
        path, ": has ", size, " bytes, its journal says ", journal.bytes));
  }
  return Remove(JournalPath(path));
}

}  // namespace attune
