#pragma once

#include <signal.h>

#include <thread>
#include <utility>

namespace attune {

/// Blocks every signal of the calling thread while it lives.
class BlockedSignals {
 public:
  BlockedSignals();
  ~BlockedSignals();
  BlockedSignals(const BlockedSignals&) = delete;
  BlockedSignals& operator=(const BlockedSignals&) = delete;

 private:
  sigset_t before_ = {};
};

/// A thread that takes no signals, from its first instruction on: the process's
/// handlers belong to the host, and must not find themselves on the stack of a
/// library's thread. Every thread that the library starts is started here.
/// Throws std::system_error when no thread can be made.
template <typename Body>
std::thread StartQuietThread(Body&& body) {
  BlockedSignals blocked;  // a new thread inherits its creator's mask
  return std::thread(std::forward<Body>(body));
}

}  // namespace attune
