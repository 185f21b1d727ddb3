#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/engine.h"

namespace attune {

/// A small shop in a temporary directory: items of three kinds, users who
/// mostly like one of them, and two models trained on their clicks (of
/// different seeds). Removed with the object.
class TrainedShop {
 public:
  static constexpr int kItems = 90;
  static constexpr int kUsers = 40;
  static constexpr int kEvents = 30;
  static constexpr int kWindow = 16;
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  static absl::StatusOr<std::unique_ptr<TrainedShop>> Create();
  ~TrainedShop();

  std::string database() const { return directory_ + "/db"; }
  std::string model(int which) const {
    return directory_ + "/model" + std::to_string(which);
  }
  /// Opens the database as its owner.
  absl::StatusOr<std::unique_ptr<Engine>> Open(
      const std::string& precision = "",
      size_t memory_limit_bytes = size_t{256} << 20) const;

  static std::string ItemId(int i) { return "item" + std::to_string(i); }
  static std::string UserId(int u) { return "user" + std::to_string(u); }
  static v1::Event Click(const std::string& user, const std::string& item,
                         int64_t time_ms);

 private:
  explicit TrainedShop(std::string directory)
      : directory_(std::move(directory)) {}
  std::string directory_;
};

}  // namespace attune
