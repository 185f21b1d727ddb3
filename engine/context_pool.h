#pragma once

#include "base/execution_context.h"
#include "engine/scratch_pool.h"

namespace attune {

/// An execution context that serves one call after the other.
class PooledContext : public ExecutionContext {
 public:
  void Reset() {
    workspace.Reset();
    stages.Stop();
  }
  bool worth_keeping() const {
    return workspace.capacity_bytes() <= kMostKeptBytes;
  }

 private:
  /// Several thousand candidates of a wide model.
  static constexpr size_t kMostKeptBytes = size_t{64} << 20;
};

using ContextPool = ScratchPool<PooledContext>;

}  // namespace attune
