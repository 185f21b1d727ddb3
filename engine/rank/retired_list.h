#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace attune {

/// What has left a cache, kept for readers who may still look at it without a
/// share of their own: to take and give back 500 shares is an eighth of what a
/// request adds to its computing, and two callers pass the lines with the
/// counts to and fro. A node stays until every reader is gone who entered
/// before it left. Nothing is allocated when one leaves. Thread-safe.
///
/// Node has a unique_ptr<Node> `next`, a uint64_t `left` and size_t `bytes`.
template <typename Node>
class RetiredList {
 public:
  RetiredList() { readers_.reserve(kReaders); }
  ~RetiredList() { Free(std::move(first_)); }
  RetiredList(const RetiredList&) = delete;
  RetiredList& operator=(const RetiredList&) = delete;

  /// From here to Leave() of what Enter() gave, no node goes that was in the
  /// cache at the begin or later.
  uint64_t Enter() {
    const std::lock_guard lock(mutex_);
    readers_.push_back(time_);
    return time_;
  }

  void Leave(uint64_t begin) noexcept {
    std::unique_ptr<Node> gone;
    {
      const std::lock_guard lock(mutex_);
      *std::find(readers_.begin(), readers_.end(), begin) = readers_.back();
      readers_.pop_back();
      uint64_t oldest = std::numeric_limits<uint64_t>::max();
      for (const uint64_t reader : readers_) oldest = std::min(oldest, reader);
      // A reader from then on cannot have seen it.
      std::unique_ptr<Node>* end = &gone;
      while (first_ != nullptr && first_->left <= oldest) {
        bytes_ -= first_->bytes;
        *end = std::move(first_);
        first_ = std::move((*end)->next);
        end = &(*end)->next;
      }
      if (first_ == nullptr) last_ = nullptr;
    }
    Free(std::move(gone));
  }

  /// Takes over a chain of nodes that are in the cache no more.
  void Retire(std::unique_ptr<Node> nodes) noexcept {
    if (nodes == nullptr) return;
    {
      const std::lock_guard lock(mutex_);
      if (!readers_.empty()) {
        ++time_;
        while (nodes != nullptr) {
          nodes->left = time_;
          bytes_ += nodes->bytes;
          std::unique_ptr<Node>& end = last_ == nullptr ? first_ : last_->next;
          end = std::move(nodes);
          last_ = end.get();
          nodes = std::move(last_->next);
        }
      }
    }
    Free(std::move(nodes));  // nobody can have seen them
  }

  /// Of all that are held for readers.
  size_t bytes() const {
    const std::lock_guard lock(mutex_);
    return bytes_;
  }

 private:
  static constexpr size_t kReaders = 64;  // more cost an allocation, once

  /// One by one: a chain that frees itself is as deep as it is long.
  static void Free(std::unique_ptr<Node> nodes) noexcept {
    while (nodes != nullptr) nodes = std::move(nodes->next);
  }

  mutable std::mutex mutex_;
  uint64_t time_ = 0;
  std::vector<uint64_t> readers_;  // times at which they began
  std::unique_ptr<Node> first_;    // by the time of leaving
  Node* last_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace attune
