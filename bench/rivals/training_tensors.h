#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "engine/model/network.h"
#include "engine/train/catalogue.h"
#include "engine/train/training_shard.h"

namespace attune {

/// Files of training data as safetensors, for trainers outside. All tensors are
/// F32 of two axes; indices are whole numbers below 2^24. A time in
/// milliseconds is two tensors, whole hours and the milliseconds behind them,
/// each exact.

/// `id` [1, N] (-1: none), `text` [1, all tokens], `text_offsets` [1, N + 1],
/// `attribute`, `attribute_offsets` likewise: rows of the tables item.id,
/// item.text and item.attribute.
absl::Status WriteItemTensors(const Catalogue& catalogue,
                              const std::string& path);

/// The shards' rows one behind the other: `first`, `count` [1, sequences];
/// `item` (-1: hidden), `seen`, `action`, `gap`, `start` (1: the learned row of
/// an empty history), `target`, `weight`, `key_hours`, `key_ms`, `query_hours`,
/// `query_ms` [1, rows]. Items are indices of the item file.
///
/// With `groups` also the decoder stage's: `group_first`, `group_last` (rows,
/// inclusive), `group_begin`, `group_end` (candidates), `group_start`,
/// `group_impression`, `group_weight`, `group_hours`, `group_ms` [1, groups],
/// `user_tokens` (how many of `user_token`), `clock` [groups, 5]; `candidate`,
/// `log_weight`, `followed` [1, C], `dense` [C, F].
absl::Status WriteRowTensors(std::span<const TrainingShard> shards,
                             bool with_groups, const std::string& path);

/// Every parameter by name, as in a model's weights.safetensors.
absl::Status WriteParameters(const Network& network,
                             std::span<const float> values,
                             const std::string& path);

}  // namespace attune
