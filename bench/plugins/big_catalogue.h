#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/config.h"
#include "plugins/c_abi/attune.h"

namespace attune {

/// What a BigCatalogue is made of.
struct BigCatalogueOptions {
  std::string directory;  ///< made once; a finished one is used as it is
  int64_t items = 1'000'000;
  ModelConfig model;  ///< shape; its window is T
  std::string precision = "f32";
  int memory_limit_mb = 2048;
  bool fill = false;  ///< the item cache, from the opening on
};

/// A database with many items and a published model, open through libattune.so:
/// end-to-end requests read their candidates' rows from RocksDB or from the
/// engine's caches. `kUsers` users "full-…" with exactly T events and as many
/// "any-…" with 0 to 2 T, on items drawn by Zipf's law. RankIds is thread-safe.
class BigCatalogue {
 public:
  static constexpr int kUsers = 64;
  /// The time of all requests: after every event that Create makes.
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  static absl::StatusOr<std::unique_ptr<BigCatalogue>> Open(
      const BigCatalogueOptions& options);
  ~BigCatalogue();
  BigCatalogue(const BigCatalogue&) = delete;
  BigCatalogue& operator=(const BigCatalogue&) = delete;

  int64_t items() const { return options_.items; }
  static std::string ItemId(int64_t number);
  /// The item of the given popularity: popular ones lie anywhere in the key
  /// order. rank < items().
  int64_t ItemOfRank(int64_t rank) const;

  absl::Status RankIds(const std::string& user,
                       std::span<const char* const> ids,
                       std::span<const size_t> id_lengths, bool cold,
                       std::span<float> scores);
  absl::Status PutEvent(const std::string& user, const std::string& item,
                        int64_t time_ms);
  /// Forgets the user's events and writes `count` others, all before kNowMs.
  absl::Status ResetUser(const std::string& user, int64_t count);
  int64_t window() const { return options_.model.window; }
  /// The engine's statistics, JSON.
  absl::StatusOr<std::string> Stats();
  std::string model_directory() const { return options_.directory + "/model"; }

 private:
  explicit BigCatalogue(BigCatalogueOptions options)
      : options_(std::move(options)) {}
  absl::Status Make();
  absl::Status Train();
  absl::Status OpenEngine(bool publishing);
  absl::Status Publish();
  absl::Status Close();
  std::string database() const { return options_.directory + "/db"; }

  BigCatalogueOptions options_;
  attune_engine* engine_ = nullptr;
};

/// Numbers in [0, count) by Zipf's law with exponent 1 (rejection inversion,
/// Hörmann and Derflinger 1996, in its closed form for s = 1).
class ZipfDistribution {
 public:
  explicit ZipfDistribution(int64_t count);
  /// From two uniform numbers in [0, 1); negative: draw again.
  int64_t Draw(double uniform) const;

 private:
  double log_count_;
  int64_t count_;
};

}  // namespace attune
