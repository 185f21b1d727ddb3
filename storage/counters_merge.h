#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proto/records.pb.h"

namespace attune::storage {

/// Adds operands to an item's counters. An operand is v1.Counters bytes, read
/// as a list of additions in order (actions may repeat), so two operands are
/// combined by concatenation. Additions are made one after the other: the sums
/// have the same bits however the operands were grouped. Not thread-safe.
class CountersMerge {
 public:
  /// False when the bytes are malformed. nullopt: nothing counted yet.
  bool Start(std::optional<std::string_view> counters);
  bool Apply(std::string_view operand);
  /// v1.Counters bytes.
  std::string Finish() const { return counters_.SerializeAsString(); }

 private:
  v1::Counters counters_;
  v1::Counters operand_;
};

}  // namespace attune::storage
