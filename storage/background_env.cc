#include "storage/background_env.h"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace attune::storage {
namespace {

class WorkQueue {
 public:
  struct Job {
    void (*run)(void*) = nullptr;
    void* argument = nullptr;
    void* tag = nullptr;
    void (*unscheduled)(void*) = nullptr;
  };

  explicit WorkQueue(int threads) : limit_(threads) {}
  ~WorkQueue() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  void Schedule(const Job& job) {
    {
      const std::lock_guard lock(mutex_);
      jobs_.push_back(job);
      if (idle_ < static_cast<int>(jobs_.size()) &&
          static_cast<int>(threads_.size()) < limit_) {
        threads_.emplace_back([this] { Run(); });
      }
    }
    wake_.notify_one();
  }

  int UnSchedule(void* tag) {
    std::vector<Job> removed;
    {
      const std::lock_guard lock(mutex_);
      std::deque<Job> kept;
      for (const Job& job : jobs_) {
        (job.tag == tag ? removed.emplace_back() : kept.emplace_back()) = job;
      }
      jobs_.swap(kept);
    }
    for (const Job& job : removed) {
      if (job.unscheduled != nullptr) job.unscheduled(job.argument);
    }
    return static_cast<int>(removed.size());
  }

  unsigned int length() const {
    const std::lock_guard lock(mutex_);
    return static_cast<unsigned int>(jobs_.size());
  }
  int limit() const { return limit_; }

 private:
  void Run() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      wake_.wait(lock, [&] { return closing_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      const Job job = jobs_.front();
      jobs_.pop_front();
      lock.unlock();
      job.run(job.argument);
      lock.lock();
    }
  }

  const int limit_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Job> jobs_;
  std::vector<std::thread> threads_;
  int idle_ = 0;
  bool closing_ = false;
};

class BackgroundEnv : public rocksdb::EnvWrapper {
 public:
  explicit BackgroundEnv(int compaction_threads)
      : EnvWrapper(rocksdb::Env::Default()),
        flushes_(1),
        compactions_(compaction_threads) {}

  const char* Name() const override { return "attune.BackgroundEnv"; }

  void Schedule(void (*function)(void*), void* argument, Priority priority,
                void* tag, void (*unscheduled)(void*)) override {
    Queue(priority).Schedule({function, argument, tag, unscheduled});
  }
  int UnSchedule(void* tag, Priority priority) override {
    return Queue(priority).UnSchedule(tag);
  }
  unsigned int GetThreadPoolQueueLen(Priority priority) const override {
    return priority == Priority::HIGH ? flushes_.length()
                                      : compactions_.length();
  }
  // Sizes are fixed: RocksDB's wishes at Open are refused. No bottom pool.
  void SetBackgroundThreads(int, Priority) override {}
  void IncBackgroundThreadsIfNeeded(int, Priority) override {}
  int GetBackgroundThreads(Priority priority) override {
    switch (priority) {
      case Priority::HIGH:
        return flushes_.limit();
      case Priority::LOW:
        return compactions_.limit();
      default:
        return 0;
    }
  }
  int ReserveThreads(int, Priority) override { return 0; }
  int ReleaseThreads(int, Priority) override { return 0; }
  void LowerThreadPoolIOPriority(Priority) override {}
  void LowerThreadPoolCPUPriority(Priority) override {}
  rocksdb::Status LowerThreadPoolCPUPriority(Priority,
                                             rocksdb::CpuPriority) override {
    return rocksdb::Status::OK();
  }

 private:
  WorkQueue& Queue(Priority priority) {
    return priority == Priority::HIGH ? flushes_ : compactions_;
  }

  WorkQueue flushes_;
  WorkQueue compactions_;
};

}  // namespace

std::unique_ptr<rocksdb::Env> NewBackgroundEnv(int compaction_threads) {
  return std::make_unique<BackgroundEnv>(compaction_threads);
}

}  // namespace attune::storage
