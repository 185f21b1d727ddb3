#define TBB_PREVIEW_WAITING_FOR_WORKERS 1
#include "base/parallel.h"

#include <tbb/global_control.h>
#include <tbb/info.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#if defined(__SANITIZE_THREAD__)
#define ATTUNE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ATTUNE_THREAD_SANITIZER 1
#endif
#endif

#ifdef ATTUNE_THREAD_SANITIZER
// libtbb's own memset and free, whose order the sanitizer cannot see (below).
// Concerns calls made by libtbb itself, not those of the bodies it runs.
extern "C" __attribute__((visibility("default"))) const char*
__tsan_default_suppressions() {
  return "called_from_lib:libtbb.so\n";
}
#endif

namespace attune {

void RunSerial(absl::FunctionRef<void()> body) {
  // One arena per thread and process: an arena of one slot cannot be entered by
  // two threads at once, so it must not be shared; building one costs several
  // microseconds, so it is kept. Its destruction at thread exit is safe.
  thread_local tbb::task_arena arena(1, 1);
  arena.execute([&] { body(); });
}

struct ThreadPool::Arena {
  // Never wider than the machine: TBB would print a warning on stderr, and give
  // no more workers all the same.
  explicit Arena(int threads) : arena(std::min(threads, AvailableCores()), 1) {}
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
#ifdef ATTUNE_THREAD_SANITIZER
  // The distributions' libtbb is not instrumented: ThreadSanitizer would see
  // none of its synchronisation and call every task's data a race. Plain
  // threads instead keep its reports about our own code.
  std::atomic<int64_t> next{0};
  const auto work = [&] {
    for (int64_t task = next++; task < tasks; task = next++) {
      RunSerial([&] { body(task); });
    }
  };
  std::vector<std::thread> workers;
  for (int t = 1; t < threads_; ++t) workers.emplace_back(work);
  work();
  for (std::thread& worker : workers) worker.join();
#else
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
#endif
}

int AvailableCores() { return tbb::info::default_concurrency(); }

bool ShutdownWorkers() {
  tbb::task_scheduler_handle handle{tbb::attach{}};
  return tbb::finalize(handle, std::nothrow);
}

}  // namespace attune
