#pragma once

#include <memory>

#include "rocksdb/env.h"

namespace attune::storage {

/// RocksDB's default environment with threads of its own for flushes and
/// compactions: the default one's pools belong to the process (a host may use
/// RocksDB, too) and keep their threads after the last database is closed.
/// Threads start with the first work; destruction joins them and requires that
/// the database which uses the environment is closed. Flushes have one thread
/// apart, so that no compaction makes a write wait for memory.
///
/// It also works around RocksDB 7.8 forgetting flushes: a job that begins while
/// a hard error (a full disk) is set ends without taking its request from the
/// queue, and the request is never scheduled again; DB::Resume() then waits for
/// it for ever. So jobs are held back from before the error is set until
/// Resume() is at work.
class BackgroundEnv : public rocksdb::EnvWrapper {
 public:
  /// `compaction_threads` >= 1.
  explicit BackgroundEnv(int compaction_threads);
  ~BackgroundEnv() override;

  /// No flush job begins until ReleaseFlushes(). Waits, at most two seconds,
  /// until a job that began just now has passed the point where it looks for
  /// errors. For EventListener::OnBackgroundError.
  void HoldFlushes();
  void ReleaseFlushes();
  /// The running job has passed that point. For EventListener::OnFlushBegin.
  void NoteFlushBegun();

  const char* Name() const override { return "attune.BackgroundEnv"; }
  void Schedule(void (*function)(void*), void* argument, Priority priority,
                void* tag, void (*unscheduled)(void*)) override;
  int UnSchedule(void* tag, Priority priority) override;
  unsigned int GetThreadPoolQueueLen(Priority priority) const override;
  int GetBackgroundThreads(Priority priority) override;
  // Sizes and priorities are fixed: RocksDB's wishes at Open are refused.
  void SetBackgroundThreads(int, Priority) override {}
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  int ReserveThreads(int, Priority) override { return 0; }
  int ReleaseThreads(int, Priority) override { return 0; }
  void LowerThreadPoolIOPriority(Priority) override {}
  void LowerThreadPoolCPUPriority(Priority) override {}
  rocksdb::Status LowerThreadPoolCPUPriority(Priority,
                                             rocksdb::CpuPriority) override {
    return rocksdb::Status::OK();
  }

 private:
  class WorkQueue;
  WorkQueue& Queue(Priority priority) const;

  std::unique_ptr<WorkQueue> flushes_;
  std::unique_ptr<WorkQueue> compactions_;
};

}  // namespace attune::storage
