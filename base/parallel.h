#pragma once

#include <cstdint>
#include <memory>

#include "absl/functional/function_ref.h"

namespace attune {

/// Runs `body` on the calling thread inside a TBB arena of one thread. oneDNN
/// with the TBB runtime asks the current arena for its concurrency when a
/// primitive is created and when it runs; outside of such an arena every
/// product would become a parallel_for over all cores. Create AND execute
/// primitives inside it. Costs about 0.2 µs; may be nested.
void RunSerial(absl::FunctionRef<void()> body);

class WorkerSet;

/// A share of the process's workers (worker_set.h). Idle workers sleep, nothing
/// spins. Thread-safe; the end of the last pool of the process is also the end
/// of the workers.
class ThreadPool {
 public:
  /// `threads` >= 1 counts the calling thread; more than the machine has cores
  /// are counted as that many.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls body(task) for task in [0, tasks), each inside RunSerial, on at most
  /// threads() threads; returns when all are done. The assignment of tasks to
  /// threads is not deterministic: results must not depend on it.
  void ParallelFor(int64_t tasks, absl::FunctionRef<void(int64_t)> body);

 private:
  int threads_;
  std::shared_ptr<WorkerSet> workers_;  // null: the caller alone
};

/// Cores this process may use (affinity and container limits respected).
int AvailableCores();

}  // namespace attune
