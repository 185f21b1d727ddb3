#pragma once

#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

namespace attune {

/// Memory of calls for those after them, as many as ever ran at once. T has
/// Reset(), which forgets everything and keeps the memory, and worth_keeping():
/// one that a huge request has blown up is let go. Thread-safe.
template <typename T>
class ScratchPool {
 public:
  /// Holds one for its life, as Reset() leaves it.
  class Lease {
   public:
    explicit Lease(ScratchPool& pool) : pool_(pool), scratch_(pool.Take()) {}
    ~Lease() { pool_.Return(std::move(scratch_)); }
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    T& operator*() { return *scratch_; }
    T* operator->() { return scratch_.get(); }

   private:
    ScratchPool& pool_;
    std::unique_ptr<T> scratch_;
  };

 private:
  std::unique_ptr<T> Take() {
    const std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<T>();
    std::unique_ptr<T> scratch = std::move(free_.back());
    free_.pop_back();
    return scratch;
  }
  /// Where memory is short, the call's is given back to the system.
  void Return(std::unique_ptr<T> scratch) noexcept try {
    if (!scratch->worth_keeping()) return;
    scratch->Reset();
    const std::lock_guard lock(mutex_);
    free_.push_back(std::move(scratch));
  } catch (const std::bad_alloc&) {  // NOLINT(bugprone-empty-catch): above
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<T>> free_;
};

}  // namespace attune
