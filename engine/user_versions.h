#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

#include "storage/change_observer.h"

namespace attune {

/// Numbers by which a request sees that what it knows of a stored user is still
/// so, of the record and of the history apart: most writes are events. Users
/// share cells: another's write may cost a reading, never a wrong answer.
/// Lock-free, thread-safe.
class UserVersions final : public storage::ChangeObserver {
 public:
  /// Above 0. Ask before reading: what was read then holds for as long as the
  /// number is the same.
  uint64_t OfRecord(std::string_view user_id) const {
    return Of(records_, user_id);
  }
  uint64_t OfHistory(std::string_view user_id) const {
    return Of(histories_, user_id);
  }

  void UserChanged(std::string_view user_id) override {
    Raise(records_, user_id);
  }
  void HistoryChanged(std::string_view user_id) override {
    Raise(histories_, user_id);
  }
  void EverythingChanged() override {
    all_.fetch_add(1, std::memory_order_acq_rel);
  }

 private:
  static constexpr size_t kCells = 1 << 14;

  using Cells = std::array<std::atomic<uint64_t>, kCells>;

  static size_t CellOf(std::string_view user_id) {
    return std::hash<std::string_view>()(user_id) % kCells;
  }

  uint64_t Of(const Cells& cells, std::string_view user_id) const {
    return 1 + all_.load(std::memory_order_acquire) +
           cells[CellOf(user_id)].load(std::memory_order_acquire);
  }
  static void Raise(Cells& cells, std::string_view user_id) {
    cells[CellOf(user_id)].fetch_add(1, std::memory_order_acq_rel);
  }

  std::atomic<uint64_t> all_{0};
  Cells records_{}, histories_{};
};

}  // namespace attune
