#include "plugins/c_abi/host_state.h"

#include <pthread.h>

#include <cerrno>

namespace attune {
namespace {

// Made once and kept: a locale object is immutable.
locale_t CLocale() noexcept {
  static const locale_t locale = newlocale(LC_ALL_MASK, "C", nullptr);
  return locale;
}

}  // namespace

HostState::HostState() noexcept : errno_(errno) {
  pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel_state_);
  std::fegetenv(&fenv_);
  std::fesetenv(FE_DFL_ENV);  // on x86-64 this clears FTZ and DAZ, too
  locale_ = uselocale(CLocale());
}

HostState::~HostState() {
  uselocale(locale_);
  std::fesetenv(&fenv_);
  pthread_setcancelstate(cancel_state_, nullptr);
  errno = errno_;
}

}  // namespace attune
