#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// A database in a temporary directory, all of whose users have the same number
/// of events, with a trained model that runs the match term, the features and
/// the decoder; open through libattune.so. The directory goes with the object.
/// Not thread-safe.
class BenchShop {
 public:
  static constexpr int kItems = 3000;
  static constexpr int kUsers = 64;
  /// The time of all requests: after every event.
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  /// Fills, trains (width 64, 4 heads, 2 + 1 blocks, window max(events, 200))
  /// and opens: some seconds.
  static absl::StatusOr<std::unique_ptr<BenchShop>> Create(int events);
  ~BenchShop();
  BenchShop(const BenchShop&) = delete;
  BenchShop& operator=(const BenchShop&) = delete;

  static std::string ItemId(size_t number);
  static std::string UserId(size_t number);

  int events() const { return events_; }

  /// attune_rank_ids: scores.size() == items.size(), `items` are ids of the
  /// shop. `cold`: without the user's kept state.
  absl::Status RankIds(const std::string& user,
                       std::span<const char* const> ids,
                       std::span<const size_t> id_lengths, bool cold,
                       std::span<float> scores);

  /// Ok if a user's requests encode exactly events() events, with a kept state
  /// from the second one on.
  absl::Status CheckHistory(const std::string& user);

 private:
  explicit BenchShop(int events) : events_(events) {}

  absl::Status Make();
  absl::Status Open();
  absl::Status Close();
  absl::Status PutItems();
  absl::Status PutEvents();
  absl::Status Train();
  std::string database() const { return directory_ + "/db"; }
  std::string model() const { return directory_ + "/model"; }

  int events_;
  std::string directory_;
  attune_engine* engine_ = nullptr;
};

}  // namespace attune
