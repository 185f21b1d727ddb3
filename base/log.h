#pragma once

#include <functional>
#include <string_view>

namespace attune {

enum class LogLevel { kDebug = 0, kInfo = 1, kWarning = 2, kError = 3 };

/// Where library messages go. Libraries never print; an empty function drops
/// the message. Called from any thread; must not throw.
using LogFunction = std::function<void(LogLevel, std::string_view)>;

inline void Log(const LogFunction& log, LogLevel level,
                std::string_view message) {
  if (log) log(level, message);
}

}  // namespace attune
