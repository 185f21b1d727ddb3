#pragma once

#include <string_view>

namespace attune::storage {

/// Told of items and users that changed, for whoever keeps something made of
/// them. Called by the writing thread once reads see the change and before the
/// write returns; by CatchUp() where a follower's view moved. Must be fast,
/// must not call the database, may be called by several threads.
class ChangeObserver {
 public:
  virtual ~ChangeObserver() = default;
  /// The record, or a vector of some model.
  virtual void ItemChanged(std::string_view /*item_id*/) {}
  virtual void CountersChanged(std::string_view /*item_id*/) {}
  /// The record.
  virtual void UserChanged(std::string_view /*user_id*/) {}
  virtual void HistoryChanged(std::string_view /*user_id*/) {}
  /// Anything may have changed.
  virtual void EverythingChanged() = 0;
};

}  // namespace attune::storage
