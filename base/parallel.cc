#define TBB_PREVIEW_WAITING_FOR_WORKERS 1
#include "base/parallel.h"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>

namespace attune {

void RunSerial(absl::FunctionRef<void()> body) {
  // One arena per thread and process: an arena of one slot cannot be entered by
  // two threads at once, so it must not be shared; building one costs several
  // microseconds, so it is kept. Its destruction at thread exit is safe.
  thread_local tbb::task_arena arena(1, 1);
  arena.execute([&] { body(); });
}

struct ThreadPool::Arena {
  explicit Arena(int threads) : arena(threads, 1) {}
  tbb::task_arena arena;
};

ThreadPool::ThreadPool(int threads)
    : threads_(std::max(1, threads)),
      arena_(std::make_unique<Arena>(threads_)) {}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(int64_t tasks,
                             absl::FunctionRef<void(int64_t)> body) {
  if (threads_ == 1 || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) {
      RunSerial([&] { body(task); });
    }
    return;
  }
  arena_->arena.execute([&] {
    tbb::parallel_for(
        tbb::blocked_range<int64_t>(0, tasks, 1),
        [&](const tbb::blocked_range<int64_t>& range) {
          for (int64_t task = range.begin(); task < range.end(); ++task) {
            RunSerial([&] { body(task); });
          }
        },
        tbb::simple_partitioner());
  });
}

int AvailableCores() { return tbb::info::default_concurrency(); }

bool ShutdownWorkers() {
  tbb::task_scheduler_handle handle{tbb::attach{}};
  return tbb::finalize(handle, std::nothrow);
}

}  // namespace attune
