#pragma once

#include <atomic>

namespace attune {

/// While it lives, SIGINT and SIGTERM set a flag instead of ending the process,
/// so that long work can stop where it may be continued. The second signal ends
/// it as usual. One at a time.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  const std::atomic<bool>* flag() const;
};

}  // namespace attune
