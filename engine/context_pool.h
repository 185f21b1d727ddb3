#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/execution_context.h"

namespace attune {

/// Warm execution contexts, one per running call: as many as ever ran at once.
/// One that a huge request has blown up is let go, not kept. Thread-safe.
class ContextPool {
 public:
  /// Holds a context for its life.
  class Lease {
   public:
    explicit Lease(ContextPool& pool) : pool_(pool), context_(pool.Take()) {}
    ~Lease() { pool_.Return(std::move(context_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ExecutionContext& operator*() { return *context_; }
    ExecutionContext* operator->() { return context_.get(); }

   private:
    ContextPool& pool_;
    std::unique_ptr<ExecutionContext> context_;
  };

 private:
  std::unique_ptr<ExecutionContext> Take() {
    std::lock_guard<std::mutex> lock(mutex_);
    if (free_.empty()) return std::make_unique<ExecutionContext>();
    std::unique_ptr<ExecutionContext> context = std::move(free_.back());
    free_.pop_back();
    return context;
  }
  void Return(std::unique_ptr<ExecutionContext> context) {
    if (context->workspace.capacity_bytes() > kMostKeptBytes) return;
    context->workspace.Reset();
    context->stages.Stop();
    std::lock_guard<std::mutex> lock(mutex_);
    free_.push_back(std::move(context));
  }

  /// Several thousand candidates of a wide model.
  static constexpr size_t kMostKeptBytes = size_t{64} << 20;

  std::mutex mutex_;
  std::vector<std::unique_ptr<ExecutionContext>> free_;
};

}  // namespace attune
