#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "attention/modules/attention_block.h"
#include "engine/model/config.h"

namespace attune {

/// What is kept of a user between requests: keys and values of every encoder
/// and decoder block for the window's final rows, in the model's precision.
/// Valid for one model, one anchor and one epoch of the stored history. Rows
/// [0, final_rows) are final; up to two more (the newest event with the
/// request's time, and the context token) are scratch of the running request.
/// Not thread-safe: a request locks its user's state.
class UserState {
 public:
  explicit UserState(const ModelConfig& config);

  /// Forgets all rows; for a moved anchor or a new epoch.
  void Reset(int64_t anchor, int64_t epoch);

  int64_t anchor() const { return anchor_; }
  int64_t epoch() const { return epoch_; }
  int64_t final_rows() const { return final_rows_; }
  void set_final_rows(int64_t rows) { final_rows_ = rows; }
  int64_t capacity() const { return capacity_; }
  size_t size_bytes() const { return data_.size(); }

  /// One per block, [capacity, D] each.
  std::span<const KeyValueView> encoder() const {
    return std::span(caches_).first(encoder_blocks_);
  }
  std::span<const KeyValueView> decoder() const {
    return std::span(caches_).subspan(encoder_blocks_);
  }

  /// Fetches the final rows' keys and values, which lay idle since the user's
  /// last request: of the encoder ahead of the newest row, of the decoder ahead
  /// of the candidates. A state that would push a request's weights out of the
  /// second-level cache is left where it is.
  void PrefetchEncoder() const { Prefetch(encoder()); }
  void PrefetchDecoder() const { Prefetch(decoder()); }

  UserState(const UserState&) = delete;
  UserState& operator=(const UserState&) = delete;

 private:
  void Prefetch(std::span<const KeyValueView> blocks) const;

  int64_t capacity_;
  size_t encoder_blocks_;
  int64_t anchor_ = 0, epoch_ = 0, final_rows_ = 0;
  std::vector<std::byte> data_;
  std::vector<KeyValueView> caches_;
};

}  // namespace attune
