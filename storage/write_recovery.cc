#include "storage/write_recovery.h"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <system_error>

#include "base/quiet_thread.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "rocksdb/convenience.h"
#include "storage/status_translation.h"

namespace attune::storage {
namespace {

// For the MANIFEST, a new log file and block-size rounding.
constexpr uint64_t kReserveBytes = uint64_t{2} << 20;

// Much longer than writing out memory takes on any disk.
constexpr std::chrono::seconds kResumeTimeout{30};

uint64_t MemoryBytes(const View& view) {
  uint64_t bytes = 0;
  view.db().GetAggregatedIntProperty(rocksdb::DB::Properties::kSizeAllMemTables,
                                     &bytes);
  return bytes;
}

}  // namespace

WriteRecovery::~WriteRecovery() {
  if (!resumers_[0].joinable()) return;
  const ReadLease view = store_.Read();
  rocksdb::CancelAllBackgroundWork(&view->db(), /*wait=*/false);
  store_.env().ReleaseFlushes();
  for (std::thread& resumer : resumers_) resumer.join();
}

absl::Status WriteRecovery::CheckSpace(const View& view, size_t bytes) const {
  std::error_code error;
  const auto space = std::filesystem::space(store_.options().path, error);
  // A file system that does not tell is no reason not to write.
  if (error || space.available == static_cast<std::uintmax_t>(-1)) {
    return absl::OkStatus();
  }
  // The group goes to the log now and to a table file later.
  const uint64_t group_bytes = 2 * static_cast<uint64_t>(bytes) + kReserveBytes;
  // What is in memory takes RocksDB's mutex to ask: not when there is plenty.
  if (space.available >=
      2 * store_.options().write_buffer_bytes + group_bytes) {
    return absl::OkStatus();
  }
  const uint64_t needed = MemoryBytes(view) + group_bytes;
  if (space.available >= needed) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      StrCat("write to ", store_.name(), ": no space left on the disk: ",
             space.available, " bytes are free, ", needed, " are needed"));
}

absl::Status WriteRecovery::Try(const View& view, size_t bytes,
                                absl::FunctionRef<absl::Status()> attempt) {
  ATTUNE_RETURN_IF_ERROR(CheckSpace(view, bytes));
  if (needs_resume_) ATTUNE_RETURN_IF_ERROR(Resume(view));
  absl::Status status = attempt();
  if (status.ok()) return status;
  needs_resume_ = true;
  if (!CheckSpace(view, bytes).ok() || !Resume(view).ok()) return status;
  status = attempt();
  needs_resume_ = !status.ok();
  return status;
}

// Flushes may be released when Resume() has begun, and it does not say when.
// But a second Resume() does: it is told that the first is busy.
absl::Status WriteRecovery::Resume(const View& view) {
  std::unique_lock lock(mutex_);
  if (!resumers_[0].joinable()) {
    finished_ = 0;
    resume_status_ = rocksdb::Status::OK();
    for (std::thread& resumer : resumers_) {
      resumer = StartQuietThread([this, &db = view.db()] {
        const rocksdb::Status status = db.Resume();
        if (status.ok() || status.IsBusy()) store_.env().ReleaseFlushes();
        const std::lock_guard status_lock(mutex_);
        if (!status.IsBusy()) resume_status_ = status;
        ++finished_;
        finished_changed_.notify_all();
      });
    }
  }
  const std::string what = StrCat("resume writing to ", store_.name());
  if (!finished_changed_.wait_for(lock, kResumeTimeout, [&] {
        return finished_ == resumers_.size();
      })) {
    return absl::UnavailableError(
        StrCat(what, ": RocksDB does not come back; open the database anew"));
  }
  lock.unlock();
  for (std::thread& resumer : resumers_) resumer.join();
  ATTUNE_RETURN_IF_ERROR(Translate(resume_status_, what));
  needs_resume_ = false;
  return absl::OkStatus();
}

}  // namespace attune::storage
