#pragma once

#include <atomic>
#include <cstdint>

namespace attune {

/// A view of a flag that another thread sets, once, to make a call give up; it
/// must outlive the call. Two kinds: ours, and the int32_t of the C interface,
/// whose type a host in any language can write. A value: copy it. Thread-safe.
class CancelFlag {
 public:
  /// Never set.
  CancelFlag() = default;
  /// Null: never set.
  CancelFlag(const std::atomic<bool>* flag) : flag_(flag) {}  // NOLINT
  /// A word that the other side writes atomically; set when it is not 0. Null:
  /// never set.
  static CancelFlag OfWord(const volatile int32_t* word) {
    CancelFlag flag;
    flag.word_ = word;
    return flag;
  }

  bool IsSet() const {
    // std::atomic_ref takes no const object before C++26.
    return (flag_ != nullptr && flag_->load(std::memory_order_relaxed)) ||
           (word_ != nullptr && __atomic_load_n(word_, __ATOMIC_RELAXED) != 0);
  }
  /// Whether anybody could set it.
  bool CanBeSet() const { return flag_ != nullptr || word_ != nullptr; }

 private:
  const std::atomic<bool>* flag_ = nullptr;
  const volatile int32_t* word_ = nullptr;
};

}  // namespace attune
