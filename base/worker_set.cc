#include "base/worker_set.h"

#include <algorithm>
#include <atomic>
#include <cfenv>
#include <exception>
#include <system_error>

#include "base/quiet_thread.h"

namespace attune {

struct WorkerSet::Call {
  Call(int64_t count, int helpers, absl::FunctionRef<void(int64_t)> task_body)
      : tasks(count), wanted(helpers), body(task_body) {}

  /// Takes tasks until there are none.
  void Drain() {
    for (int64_t task = next++; task < tasks; task = next++) {
      try {
        body(task);
      } catch (...) {
        next = tasks;
        std::lock_guard<std::mutex> lock(failure_mutex);
        if (!failure) failure = std::current_exception();
      }
    }
  }

  const int64_t tasks;
  int wanted;       // helpers that may still join; guarded by the set's mutex
  int working = 0;  // helpers in Drain(); likewise
  std::condition_variable done;
  absl::FunctionRef<void(int64_t)> body;
  std::atomic<int64_t> next = 0;
  std::mutex failure_mutex;
  std::exception_ptr failure;
};

std::shared_ptr<WorkerSet> WorkerSet::Join(int threads) {
  // Never destroyed: a pool may live as long as the process.
  struct Shared {
    std::mutex mutex;
    std::weak_ptr<WorkerSet> set;
  };
  static Shared* const shared = new Shared;
  std::lock_guard<std::mutex> lock(shared->mutex);
  std::shared_ptr<WorkerSet> set = shared->set.lock();
  if (set == nullptr) {
    set.reset(new WorkerSet());
    shared->set = set;
  }
  set->Grow(threads);
  return set;
}

WorkerSet::~WorkerSet() {
  {
    std::lock_guard<std::mutex> lock(mutex_);
    ending_ = true;
  }
  work_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerSet::Grow(int threads) {
  std::lock_guard<std::mutex> lock(mutex_);
  try {
    while (static_cast<int>(threads_.size()) < threads) {
      threads_.push_back(StartQuietThread([this] { Work(); }));
    }
  } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch)
    // Fewer do the same work.
  }
}

void WorkerSet::Work() {
  // Inherited from the creator, who may be a host with other habits.
  std::fesetenv(FE_DFL_ENV);
  std::unique_lock<std::mutex> lock(mutex_);
  while (true) {
    work_.wait(lock, [&] { return ending_ || !calls_.empty(); });
    if (calls_.empty()) return;
    Call& call = *calls_.front();
    ++call.working;
    if (--call.wanted == 0) calls_.pop_front();
    lock.unlock();
    call.Drain();
    lock.lock();
    if (--call.working == 0) call.done.notify_one();
  }
}

void WorkerSet::Run(int64_t tasks, int helpers,
                    absl::FunctionRef<void(int64_t)> body) {
  helpers = static_cast<int>(std::min<int64_t>(helpers, tasks - 1));
  Call call(tasks, std::max(helpers, 0), body);
  if (helpers > 0) {
    std::lock_guard<std::mutex> lock(mutex_);
    calls_.push_back(&call);
    for (int i = 0; i < helpers; ++i) work_.notify_one();
  }
  call.Drain();
  if (helpers > 0) {
    std::unique_lock<std::mutex> lock(mutex_);
    calls_.remove(&call);
    call.done.wait(lock, [&] { return call.working == 0; });
  }
  if (call.failure) std::rethrow_exception(call.failure);
}

}  // namespace attune
