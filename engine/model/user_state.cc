#include "engine/model/user_state.h"

namespace attune {

UserState::UserState(const ModelConfig& config)
    : capacity_(config.window + 2),
      encoder_blocks_(static_cast<size_t>(config.encoder_blocks)) {
  const int64_t blocks = config.encoder_blocks + config.decoder_blocks;
  const int64_t matrix = capacity_ * config.width;
  data_.resize(static_cast<size_t>(2 * blocks * matrix));
  float* at = data_.data();
  for (int64_t i = 0; i < blocks; ++i, at += 2 * matrix) {
    caches_.push_back({MatrixView(at, {capacity_, config.width}),
                       MatrixView(at + matrix, {capacity_, config.width})});
  }
}

void UserState::Reset(int64_t anchor, int64_t epoch) {
  anchor_ = anchor;
  epoch_ = epoch;
  final_rows_ = 0;
}

}  // namespace attune
