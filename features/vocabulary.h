#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace attune::features {

/// Inverse document frequency log((documents + 1) / frequency) in units of
/// 1/16, within [1, 255]: what occurs everywhere still counts a little.
uint8_t QuantisedIdf(int64_t documents, int64_t frequency);

/// The tokens that have a row in an embedding table: 64-bit hash to row and
/// idf. Exact hashes rather than buckets: a token that training did not see
/// gets no row, where a bucket would give it a stranger's. Const use is
/// thread-safe.
class Vocabulary {
 public:
  struct Entry {
    int32_t row = 0;
    uint8_t idf = 0;
  };

  /// Row i is the i-th hash. InvalidArgument for repeated hashes or different
  /// lengths.
  static absl::StatusOr<Vocabulary> Create(std::vector<uint64_t> hashes,
                                           std::vector<uint8_t> idf);
  /// From 16 and 2 lower-case hex digits per row.
  static absl::StatusOr<Vocabulary> FromHex(std::string_view hashes,
                                            std::string_view idf);
  std::string HashesAsHex() const;
  std::string IdfAsHex() const;

  /// Null where the hash has no row.
  const Entry* Find(uint64_t hash) const {
    const auto it = entries_.find(hash);
    return it == entries_.end() ? nullptr : &it->second;
  }
  int32_t rows() const { return static_cast<int32_t>(hashes_.size()); }
  /// [rows()]
  const std::vector<uint64_t>& hashes() const { return hashes_; }

 private:
  std::vector<uint64_t> hashes_;
  std::vector<uint8_t> idf_;
  absl::flat_hash_map<uint64_t, Entry> entries_;
};

/// Counts in how many documents each hash occurs, in bounded memory. Not
/// thread-safe.
class VocabularyCounter {
 public:
  static constexpr size_t kMaxHashes = size_t{1} << 22;

  /// Beyond `max_hashes` different hashes the rarest so far are forgotten.
  explicit VocabularyCounter(size_t max_hashes = kMaxHashes)
      : max_hashes_(max_hashes) {}

  /// The hashes of one document, in any order, with repeats; is sorted.
  void AddDocument(std::vector<uint64_t>& hashes);
  int64_t documents() const { return documents_; }
  /// The most frequent hashes that occur in `min_count` documents, equal ones
  /// by hash: the order of the documents does not matter below max_hashes.
  /// `always`, which must not occur in documents, get the first rows, with an
  /// idf of 1.
  Vocabulary Finish(int32_t min_count, int32_t max_rows,
                    std::span<const uint64_t> always = {}) const;

 private:
  absl::flat_hash_map<uint64_t, int64_t> counts_;
  size_t max_hashes_;
  int64_t documents_ = 0;
};

}  // namespace attune::features
