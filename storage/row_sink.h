#pragma once

#include <string_view>

#include "storage/family.h"

namespace attune::storage {

/// Where a compiled group's row changes go, in their order: a WriteBatch, or
/// the sorted rows of a bulk load. Copies what it is given.
class RowSink {
 public:
  virtual ~RowSink() = default;
  virtual void Put(Family family, std::string_view key,
                   std::string_view value) = 0;
  virtual void Delete(Family family, std::string_view key) = 0;
  /// All keys in [begin, end).
  virtual void DeleteRange(Family family, std::string_view begin,
                           std::string_view end) = 0;
  /// kHistories and kCounters only.
  virtual void Merge(Family family, std::string_view key,
                     std::string_view operand) = 0;
};

}  // namespace attune::storage
