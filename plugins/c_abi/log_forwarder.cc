#include "plugins/c_abi/log_forwarder.h"

namespace attune {
namespace {

thread_local bool in_callback = false;  // NOLINT(*-non-const-global-variables)

int LevelNumber(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return ATTUNE_LOG_DEBUG;
    case LogLevel::kInfo:
      return ATTUNE_LOG_INFO;
    case LogLevel::kWarning:
      return ATTUNE_LOG_WARNING;
    case LogLevel::kError:
      break;
  }
  return ATTUNE_LOG_ERROR;
}

}  // namespace

LogFunction ForwardLog(attune_log_callback callback, void* user,
                       int minimum_level) {
  if (callback == nullptr) return {};
  return [=](LogLevel level, std::string_view message) {
    const int number = LevelNumber(level);
    // A message from inside a callback would be an endless loop.
    if (number < minimum_level || in_callback) return;
    in_callback = true;
    try {
      callback(user, number, message.data(), message.size());
      // NOLINTNEXTLINE(bugprone-empty-catch): a C++ host's errors end here
    } catch (...) {
    }
    in_callback = false;
  };
}

bool InLogCallback() noexcept { return in_callback; }

}  // namespace attune
