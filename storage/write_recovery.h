#pragma once

#include <array>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "storage/store.h"

namespace attune::storage {

/// Keeps a full disk from becoming a broken database.
///
/// Writes are refused while there is less space than RocksDB needs to write out
/// what it holds in memory: it never gets to see the end of the disk, unless
/// another program takes the rest at that moment. If it does, it refuses all
/// writes until it is told to resume, which is done with the first write that
/// finds space again. RocksDB 7.8 can wait in Resume() for ever; BackgroundEnv
/// works around what is known of it, and for what is not, Resume() runs on
/// threads of its own and is waited for a bounded time.
///
/// Called under the write lock, by one thread at a time.
class WriteRecovery {
 public:
  explicit WriteRecovery(const Store& store) : store_(store) {}
  /// REQUIRES: no other call. Ends a Resume() that hangs; nothing can be
  /// written through the view afterwards.
  ~WriteRecovery();
  WriteRecovery(const WriteRecovery&) = delete;
  WriteRecovery& operator=(const WriteRecovery&) = delete;

  /// Makes the attempt, which will write about `bytes`. After a failure RocksDB
  /// is resumed, if there is space, and the attempt is made once more: the
  /// cause may be long gone (a flush in the background that found the disk
  /// full).
  absl::Status Try(const View& view, size_t bytes,
                   absl::FunctionRef<absl::Status()> attempt);

 private:
  absl::Status CheckSpace(const View& view, size_t bytes) const;
  absl::Status Resume(const View& view);

  const Store& store_;
  bool needs_resume_ = false;

  std::array<std::thread, 2> resumers_;
  std::mutex mutex_;
  std::condition_variable finished_changed_;
  size_t finished_ = 0;  // guarded by mutex_, and so is the status
  rocksdb::Status resume_status_;
};

}  // namespace attune::storage
