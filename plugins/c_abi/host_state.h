#pragma once

#include <locale.h>

#include <cfenv>

namespace attune {

/// While it lives, the calling thread computes under known conditions: default
/// floating-point environment (a host with FTZ, DAZ or another rounding must
/// get the same scores), "C" locale, pthread cancellation off (its forced
/// unwinding would abort in noexcept code). Its end restores what the host had,
/// with floating-point flags and errno. Costs about what one system call costs.
class HostState {
 public:
  HostState() noexcept;
  ~HostState();
  HostState(const HostState&) = delete;
  HostState& operator=(const HostState&) = delete;

 private:
  int errno_;
  int cancel_state_ = 0;
  locale_t locale_;
  std::fenv_t fenv_ = {};
};

}  // namespace attune
