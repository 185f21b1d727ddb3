#pragma once

#include <condition_variable>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "absl/functional/function_ref.h"

namespace attune {

/// The process's worker threads: one set, shared by all ThreadPools, that
/// exists while one of them does. Workers without work sleep; the last pool's
/// end waits until they are gone, which a scheduler that belongs to the process
/// (TBB's) cannot promise: it keeps its workers as long as any thread of the
/// host that ever used it lives. Thread-safe.
class WorkerSet {
 public:
  /// The set of this process, with at least `threads` workers, or as many as
  /// the system gives.
  static std::shared_ptr<WorkerSet> Join(int threads);
  ~WorkerSet();
  WorkerSet(const WorkerSet&) = delete;
  WorkerSet& operator=(const WorkerSet&) = delete;

  /// Calls body(task) for task in [0, tasks) on the calling thread and at most
  /// `helpers` workers; returns when all are done. What a body throws first is
  /// thrown here, the rest is lost and tasks not begun are left out.
  void Run(int64_t tasks, int helpers, absl::FunctionRef<void(int64_t)> body);

 private:
  struct Call;
  WorkerSet() = default;
  void Grow(int threads);
  void Work();

  std::mutex mutex_;
  std::condition_variable work_;
  std::list<Call*> calls_;  // those that more helpers may join
  std::vector<std::thread> threads_;
  bool ending_ = false;
};

}  // namespace attune
