#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>

#include "absl/status/status.h"
#include "base/task_thread.h"
#include "engine/served_model.h"

namespace attune {

/// Builds retrieval indexes on a thread of its own, one after the other, so
/// that a request gives up waiting without giving up the build. Thread-safe.
class IndexBuilder {
 public:
  IndexBuilder() = default;
  /// Close(), and waits for the running build to end.
  ~IndexBuilder() { Close(); }
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
  void BuildNext();

  std::atomic<bool> closed_ = false;
  std::mutex mutex_;
  std::deque<Task> tasks_;  // not begun yet, each model at most once
  TaskThread thread_;       // ends before what it uses
};

}  // namespace attune
