#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "absl/status/status.h"
#include "engine/served_model.h"

namespace attune {

/// Builds retrieval indexes on a thread of its own, one after the other, so
/// that a request gives up waiting without giving up the build. The thread
/// ends when there is nothing to build. Thread-safe.
class IndexBuilder {
 public:
  IndexBuilder() = default;
  /// Close().
  ~IndexBuilder();
  IndexBuilder(const IndexBuilder&) = delete;
  IndexBuilder& operator=(const IndexBuilder&) = delete;

  /// Sees to it that the model's index is built: once where it has no view, or
  /// with `fresh` by a build that begins after this call. Returns at once;
  /// CatalogueIndex::Wait() waits. Cancelled after Close(), ResourceExhausted
  /// where no thread can be started.
  absl::Status Start(std::shared_ptr<ServedModel> served, bool fresh);

  /// Ends the running build with Cancelled and refuses later ones.
  void Close();

 private:
  struct Task {
    std::shared_ptr<ServedModel> served;
    bool fresh = false;
  };
  void Run();

  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::deque<Task> tasks_;  // not begun yet, each model at most once
  bool running_ = false;    // the thread looks for tasks
  std::thread thread_;
};

}  // namespace attune
