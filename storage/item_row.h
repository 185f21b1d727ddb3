#pragma once

#include <memory>

#include "proto/records.pb.h"

namespace attune::storage {

/// What the store knows about an item id, decoded. Immutable and shared between
/// the hot-row cache and its readers; safe to keep for as long as one likes.
struct ItemRow {
  /// Null when there is no record of the item. The pointer stays the same when
  /// only the counters changed, so that work derived from the record alone can
  /// be cached by it (hold the pointer, else its address may be reused).
  std::shared_ptr<const v1::Item> item;
  /// Counted events, whether or not there is a record.
  v1::Counters counters;
};

}  // namespace attune::storage
