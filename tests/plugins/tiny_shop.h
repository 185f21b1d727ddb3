#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// A small database with a trained model in a temporary directory: 60 items of
/// three kinds, 40 readers with 24 clicks each, mostly on one kind. Removed at
/// the end.
class TinyShop {
 public:
  static constexpr int kItems = 60;
  static constexpr int kUsers = 40;
  static constexpr int kEvents = 24;
  /// The time of every request that tests compare.
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  /// Fills the database through the plugin, trains a model for an epoch or two,
  /// and publishes it through attune_reload_model.
  static absl::StatusOr<TinyShop> Create();
  ~TinyShop();
  TinyShop(TinyShop&& other) noexcept;
  TinyShop& operator=(TinyShop&&) = delete;

  std::string database() const { return directory_ + "/a database"; }
  std::string model() const { return directory_ + "/model"; }
  std::string directory() const { return directory_; }

  static std::string ItemId(int i) { return "item-" + std::to_string(i); }
  static std::string UserId(int u) { return "user-" + std::to_string(u); }

 private:
  explicit TinyShop(std::string directory) : directory_(directory) {}
  std::string directory_;
};

/// Bytes of a PutEventsRequest with one click.
std::string ClickBytes(const std::string& user_id, const std::string& item_id,
                       int64_t time_ms);

}  // namespace attune
