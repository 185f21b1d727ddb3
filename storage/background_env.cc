#include "storage/background_env.h"

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "base/quiet_thread.h"

namespace attune::storage {

class BackgroundEnv::WorkQueue {
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
        threads_.push_back(StartQuietThread([this] { Run(); }));
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

  void Hold() {
    std::unique_lock lock(mutex_);
    held_ = true;
    if (std::this_thread::get_id() == beginner_) return;
    begun_.wait_for(lock, std::chrono::seconds(2),
                    [&] { return beginner_ == std::thread::id(); });
  }

  void Release() {
    {
      const std::lock_guard lock(mutex_);
      held_ = false;
    }
    wake_.notify_all();
  }

  void NoteBegun() {
    {
      const std::lock_guard lock(mutex_);
      if (beginner_ != std::this_thread::get_id()) return;
      beginner_ = std::thread::id();
    }
    begun_.notify_all();
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
      wake_.wait(lock, [&] { return closing_ || (!held_ && !jobs_.empty()); });
      --idle_;
      if (jobs_.empty()) return;
      const Job job = jobs_.front();
      jobs_.pop_front();
      beginner_ = std::this_thread::get_id();
      lock.unlock();
      job.run(job.argument);
      NoteBegun();
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
  bool held_ = false;
  // The thread that is about to look for errors; meaningful with one thread.
  std::thread::id beginner_;
  std::condition_variable begun_;
};

BackgroundEnv::BackgroundEnv(int compaction_threads)
    : EnvWrapper(rocksdb::Env::Default()),
      flushes_(std::make_unique<WorkQueue>(1)),
      compactions_(std::make_unique<WorkQueue>(compaction_threads)) {}

BackgroundEnv::~BackgroundEnv() = default;

BackgroundEnv::WorkQueue& BackgroundEnv::Queue(Priority priority) const {
  return priority == Priority::HIGH ? *flushes_ : *compactions_;
}

void BackgroundEnv::HoldFlushes() { flushes_->Hold(); }
void BackgroundEnv::ReleaseFlushes() { flushes_->Release(); }
void BackgroundEnv::NoteFlushBegun() { flushes_->NoteBegun(); }

void BackgroundEnv::Schedule(void (*function)(void*), void* argument,
                             Priority priority, void* tag,
                             void (*unscheduled)(void*)) {
  Queue(priority).Schedule({function, argument, tag, unscheduled});
}

int BackgroundEnv::UnSchedule(void* tag, Priority priority) {
  return Queue(priority).UnSchedule(tag);
}

unsigned int BackgroundEnv::GetThreadPoolQueueLen(Priority priority) const {
  return Queue(priority).length();
}

int BackgroundEnv::GetBackgroundThreads(Priority priority) {
  switch (priority) {
    case Priority::HIGH:
      return flushes_->limit();
    case Priority::LOW:
      return compactions_->limit();
    default:
      return 0;  // no pool for the bottommost level
  }
}

}  // namespace attune::storage
