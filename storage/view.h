#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "rocksdb/db.h"
#include "storage/family.h"

namespace attune::storage {

inline rocksdb::Slice ToSlice(std::string_view text) {
  return {text.data(), text.size()};
}
inline std::string_view ToView(const rocksdb::Slice& slice) {
  return {slice.data(), slice.size()};
}

/// An open RocksDB instance with its family handles; closes both. Shared by the
/// calls that read it: a follower replaces its view when the writer rewrote
/// files, and the old one lives until its last reader is done.
class View {
 public:
  /// `handles` in the order of Family.
  View(std::unique_ptr<rocksdb::DB> db,
       const std::vector<rocksdb::ColumnFamilyHandle*>& handles)
      : db_(std::move(db)) {
    for (size_t i = 0; i < kFamilyCount; ++i) handles_[i] = handles[i];
  }
  ~View() {
    for (rocksdb::ColumnFamilyHandle* handle : handles_) {
      db_->DestroyColumnFamilyHandle(handle).PermitUncheckedError();
    }
    db_->Close().PermitUncheckedError();
  }
  View(const View&) = delete;
  View& operator=(const View&) = delete;

  rocksdb::DB& db() const { return *db_; }
  rocksdb::ColumnFamilyHandle* handle(Family family) const {
    return handles_[Index(family)];
  }

  /// Follower: held shared while something is read, exclusively while the view
  /// is moved. Fair to the mover, unlike std::shared_mutex.
  absl::Mutex& gate() const { return gate_; }
  /// Replaced while readers waited at the gate. Guarded by it.
  bool retired() const { return retired_; }
  void Retire() const { retired_ = true; }

 private:
  mutable absl::Mutex gate_;
  mutable bool retired_ = false;
  std::unique_ptr<rocksdb::DB> db_;
  std::array<rocksdb::ColumnFamilyHandle*, kFamilyCount> handles_ = {};
};

/// A view that does not move while the lease holds it. Cheap; take one per call
/// and release it before calling back into foreign code.
class ReadLease {
 public:
  /// `gated`: the view may be moved by a CatchUp meanwhile.
  ReadLease(std::shared_ptr<const View> view, bool gated)
      : view_(std::move(view)), locked_(gated) {
    if (locked_) view_->gate().ReaderLock();
  }
  ~ReadLease() { Release(); }
  ReadLease(ReadLease&& other) noexcept
      : view_(std::move(other.view_)),
        locked_(std::exchange(other.locked_, false)) {}
  ReadLease& operator=(ReadLease&&) = delete;

  const View& operator*() const { return *view_; }
  const View* operator->() const { return view_.get(); }
  /// Lets the view move again. Iterators and pinned values that were taken
  /// stay valid while the lease lives.
  void Release() {
    if (std::exchange(locked_, false)) view_->gate().ReaderUnlock();
  }

 private:
  std::shared_ptr<const View> view_;
  bool locked_;
};

}  // namespace attune::storage
