#pragma once

#include <cstddef>

namespace attune {

/// Asks for memory that is read soon, without waiting for it: a run that is not
/// in a core's caches then arrives at their bandwidth, where loads that meet it
/// one behind the other wait for each line. Nothing is read; any address will
/// do.
inline void PrefetchRun(const void* memory, size_t bytes) {
  constexpr size_t kLineBytes = 64;
  const char* const begin = static_cast<const char*>(memory);
  for (size_t at = 0; at < bytes; at += kLineBytes) {
    __builtin_prefetch(begin + at);
  }
}

}  // namespace attune
