#include "base/parallel.h"

#include <tbb/info.h>
#include <tbb/task_arena.h>

#include <algorithm>

#include "base/worker_set.h"

#if defined(__SANITIZE_THREAD__)
#define ATTUNE_THREAD_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define ATTUNE_THREAD_SANITIZER 1
#endif
#endif

#ifdef ATTUNE_THREAD_SANITIZER
// libtbb is not instrumented: its own memset and free look unordered.
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
  // microseconds, so it is kept. Its destruction at thread exit is safe. It has
  // no room for a worker, so TBB never starts one for it.
  thread_local tbb::task_arena arena(1, 1);
  arena.execute([&] { body(); });
}

ThreadPool::ThreadPool(int threads) : threads_(std::max(1, threads)) {
  // More threads than cores would only take turns.
  const int helpers = std::min(threads_, AvailableCores()) - 1;
  if (helpers > 0) workers_ = WorkerSet::Join(helpers);
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::ParallelFor(int64_t tasks,
                             absl::FunctionRef<void(int64_t)> body) {
  const auto serial = [&](int64_t task) { RunSerial([&] { body(task); }); };
  if (workers_ == nullptr || tasks <= 1) {
    for (int64_t task = 0; task < tasks; ++task) serial(task);
    return;
  }
  workers_->Run(tasks, std::min(threads_, AvailableCores()) - 1, serial);
}

int AvailableCores() { return tbb::info::default_concurrency(); }

}  // namespace attune
