#pragma once

#include <cstdint>
#include <iterator>
#include <span>
#include <string_view>

#include "base/workspace.h"

namespace attune {

/// A set of strings for the length of a request: open addressing in a
/// Workspace, so that building it allocates nothing once the workspace is warm.
/// Holds views: the strings and the workspace's scope must outlive it. Exact
/// (compares the strings, not only hashes). Thread-safe once built.
class IdSet {
 public:
  /// The empty set.
  IdSet() = default;

  /// Room for `capacity` different strings; inserting more is a bug.
  IdSet(int64_t capacity, Workspace& workspace);

  /// Of any sized range of string-likes, in any order, repeats welcome.
  template <typename Strings>
  static IdSet Of(const Strings& strings, Workspace& workspace) {
    IdSet set(static_cast<int64_t>(std::size(strings)), workspace);
    for (const auto& string : strings) set.Insert(string);
    return set;
  }

  void Insert(std::string_view id);
  bool Contains(std::string_view id) const;
  bool empty() const { return size_ == 0; }
  int64_t size() const { return size_; }

 private:
  struct Slot {
    const char* data;  // null: free
    uint32_t length;
    uint32_t hash;  // upper half, so that most misses skip the string
  };

  // The slot that holds `id`, or the free one where it would go.
  Slot& Find(std::string_view id, size_t hash) const;

  std::span<Slot> slots_;  // a power of two, at least twice the capacity
  int64_t size_ = 0;
};

}  // namespace attune
