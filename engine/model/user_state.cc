#include "engine/model/user_state.h"

#include <memory>

#include "base/prefetch.h"

namespace attune {

UserState::UserState(const ModelConfig& config)
    : capacity_(config.window + 2),
      encoder_blocks_(static_cast<size_t>(config.encoder_blocks)) {
  constexpr size_t kAlignment = 64;
  const int blocks = config.encoder_blocks + config.decoder_blocks;
  KeyValueShape shape;
  shape.precision =
      config.precision == "bf16" ? Precision::kBf16 : Precision::kF32;
  shape.capacity = capacity_;
  shape.heads = config.heads;
  shape.head_width = config.width / config.heads;
  const size_t bytes = shape.Bytes();
  data_.resize(static_cast<size_t>(blocks) * bytes + kAlignment);
  void* at = data_.data();
  size_t space = data_.size();
  std::align(kAlignment, static_cast<size_t>(blocks) * bytes, at, space);
  for (int i = 0; i < blocks; ++i) {
    caches_.emplace_back(static_cast<std::byte*>(at) + i * bytes, shape);
  }
}

void UserState::Reset(int64_t anchor, int64_t epoch) {
  anchor_ = anchor;
  epoch_ = epoch;
  final_rows_ = 0;
}

void UserState::Prefetch(std::span<const KeyValueView> blocks) const {
  constexpr size_t kMostBytes = size_t{1} << 19;
  if (blocks.empty() || final_rows_ == 0) return;
  const size_t bytes = blocks.size() * blocks[0].shape().Bytes();
  if (bytes > kMostBytes) return;
  for (const KeyValueView& block : blocks) block.Prefetch(final_rows_);
}

}  // namespace attune
