#include "engine/model/user_state.h"

#include <memory>

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

}  // namespace attune
