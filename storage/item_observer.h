#pragma once

#include <string_view>

namespace attune::storage {

/// Told of items that changed, for whoever keeps something made of them. Called
/// by the writing thread once reads see the change and before the write
/// returns; by CatchUp() where a follower's view moved. Must be fast, must not
/// call the database, may be called by several threads.
class ItemObserver {
 public:
  virtual ~ItemObserver() = default;
  /// The record, or a vector of some model.
  virtual void ItemChanged(std::string_view item_id) = 0;
  virtual void CountersChanged(std::string_view item_id) = 0;
  /// Anything may have changed.
  virtual void EverythingChanged() = 0;
};

}  // namespace attune::storage
