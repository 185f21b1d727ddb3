#include "base/task_thread.h"

#include <system_error>
#include <utility>

#include "base/quiet_thread.h"
#include "base/strings.h"

namespace attune {

TaskThread::~TaskThread() {
  std::thread thread;
  {
    const std::lock_guard lock(mutex_);
    thread = std::move(thread_);
  }
  if (thread.joinable()) thread.join();
}

absl::Status TaskThread::Add(Task task) {
  const std::lock_guard lock(mutex_);
  tasks_.push_back(std::move(task));
  if (running_) return absl::OkStatus();
  // An earlier thread has given up running_ as its last act.
  if (thread_.joinable()) thread_.join();
  try {
    thread_ = StartQuietThread([this] { Run(); });
  } catch (const std::system_error& failure) {
    tasks_.clear();
    return absl::ResourceExhaustedError(
        StrCat("no thread can be started: ", failure.what()));
  }
  running_ = true;
  return absl::OkStatus();
}

bool TaskThread::busy() const {
  const std::lock_guard lock(mutex_);
  return running_;
}

void TaskThread::Run() {
  while (true) {
    Task task;
    {
      const std::lock_guard lock(mutex_);
      if (tasks_.empty()) {
        running_ = false;
        return;
      }
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

}  // namespace attune
