#pragma once

#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "absl/status/status.h"

namespace attune {

/// A quiet thread that lives while there is work: tasks one after the other, in
/// the order of their coming. Thread-safe.
class TaskThread {
 public:
  using Task = std::function<void()>;

  TaskThread() = default;
  /// Waits for every task that was taken on. As a member it comes after all
  /// that its tasks use.
  ~TaskThread();
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  /// Has `task` run behind those before it; it must not throw. Never waits for
  /// a task. ResourceExhausted, and the task is forgotten, where no thread can
  /// be started.
  absl::Status Add(Task task);
  /// Whether a task runs or waits.
  bool busy() const;

 private:
  void Run();

  mutable std::mutex mutex_;
  std::deque<Task> tasks_;
  bool running_ = false;  // the thread looks for tasks
  std::thread thread_;
};

}  // namespace attune
