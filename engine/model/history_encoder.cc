#include "engine/model/history_encoder.h"

#include <algorithm>
#include <string>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {

HistoryEncoder::HistoryEncoder(ParameterLayout& layout,
                               const ModelConfig& config)
    : layout_(&layout),
      config_(config),
      action_table_(layout.Add(
          "history.action", std::max<int64_t>(1, config.actions.size()),
          config.width, Initializer::kZeros, 0, /*decay=*/false)),
      gap_table_(layout.Add("history.gap", config.gap_buckets, config.width,
                            Initializer::kZeros, 0, /*decay=*/false)),
      start_row_(layout.Add("history.start", 1, config.width,
                            Initializer::kNormal, 1.0f, /*decay=*/false)),
      memory_norm_(layout, "history.memory_norm", config.width) {
  AttentionBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.feed_forward = config.feed_forward;
  block.relative_positions = config.relative_positions;
  block.time_buckets = config.use_time ? config.time_buckets : 0;
  blocks_.reserve(config.encoder_blocks);
  for (int i = 0; i < config.encoder_blocks; ++i) {
    blocks_.emplace_back(layout, StrCat("history.block", i), block);
  }
}

absl::Status HistoryEncoder::Prepare(const Backend& backend,
                                     Precision precision, bool training) {
  for (AttentionBlock& block : blocks_) {
    ATTUNE_RETURN_IF_ERROR(block.Prepare(backend, precision, training));
  }
  return memory_norm_.Prepare(backend);
}

absl::Status HistoryEncoder::SetWeights(std::span<const float> values) {
  for (AttentionBlock& block : blocks_) {
    ATTUNE_RETURN_IF_ERROR(block.SetWeights(values));
  }
  return absl::OkStatus();
}

int HistoryEncoder::GapBucket(int64_t time_ms, int64_t next_time_ms,
                              bool known) const {
  if (!known || !config_.use_time) return 0;
  return 1 + TimeBucket(next_time_ms - time_ms, config_.gap_buckets - 1);
}

void HistoryEncoder::EmbedInputs(std::span<const float> values,
                                 const HistoryRows& inputs,
                                 MatrixView rows) const {
  std::span<const float> start = layout_->Vector(start_row_, values);
  for (int64_t i = 0; i < rows.rows(); ++i) {
    if (!inputs.is_start.empty() && inputs.is_start[i]) {
      std::copy(start.begin(), start.end(), rows.row(i));
    }
  }
  GatherAdd(layout_->Matrix(action_table_, values), inputs.action, rows);
  GatherAdd(layout_->Matrix(gap_table_, values), inputs.gap, rows);
}

absl::Status HistoryEncoder::Append(ExecutionContext& context,
                                    std::span<const float> values,
                                    MatrixView rows,
                                    std::span<const KeyValueView> caches,
                                    int64_t count,
                                    std::span<const int64_t> query_time_ms,
                                    std::span<const int64_t> key_time_ms,
                                    MatrixView memory, MatrixView user) const {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    ATTUNE_RETURN_IF_ERROR(
        blocks_[i].AppendRows(context, values, rows, caches[i], count,
                              query_time_ms, key_time_ms, rows));
  }
  memory_norm_.Forward(context, values, rows, memory);
  StandardizeRows(rows.rows_slice(rows.rows() - 1, 1), user);
  return absl::OkStatus();
}

absl::Status HistoryEncoder::Forward(ExecutionContext& context,
                                     std::span<const float> values,
                                     MatrixView rows, const BlockContext& block,
                                     float dropout, Rng& rng, Saved& saved,
                                     MatrixView memory, MatrixView user) const {
  Workspace& workspace = context.workspace;
  saved.dropout = dropout;
  saved.blocks.resize(blocks_.size());
  if (dropout > 0) {
    saved.input_mask = workspace.Allocate<uint8_t>(rows.size());
    Dropout(rng, dropout, rows, saved.input_mask);
  }
  MatrixView x = rows;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    MatrixView y = workspace.Matrix(rows.rows(), rows.cols());
    ATTUNE_RETURN_IF_ERROR(blocks_[i].Forward(
        context, values, x, {}, block, dropout, rng, saved.blocks[i], y));
    x = y;
  }
  saved.final_states = x;
  memory_norm_.Forward(context, values, x, memory);
  StandardizeRows(x, user);
  return absl::OkStatus();
}

absl::Status HistoryEncoder::Backward(
    ExecutionContext& context, std::span<const float> values,
    const Saved& saved, const BlockContext& block, const HistoryRows& inputs,
    MatrixView dmemory, MatrixView duser, MatrixView drows,
    std::span<float> gradients) const {
  StandardizeRowsBackward(saved.final_states, duser, drows);
  memory_norm_.Backward(context, values, saved.final_states, dmemory, dmemory,
                        gradients);
  AddInto(dmemory, drows);
  for (size_t i = blocks_.size(); i-- > 0;) {
    ATTUNE_RETURN_IF_ERROR(blocks_[i].Backward(
        context, values, saved.blocks[i], block, drows, drows, {}, gradients));
  }
  if (saved.dropout > 0) {
    DropoutBackward(saved.dropout, saved.input_mask, drows);
  }
  ScatterAdd(drows, inputs.action, layout_->Matrix(action_table_, gradients));
  ScatterAdd(drows, inputs.gap, layout_->Matrix(gap_table_, gradients));
  if (!inputs.is_start.empty()) {
    MatrixView dstart = layout_->Matrix(start_row_, gradients);
    for (int64_t i = 0; i < drows.rows(); ++i) {
      if (!inputs.is_start[i]) continue;
      AddInto(drows.rows_slice(i, 1), dstart);
      std::fill_n(drows.row(i), drows.cols(), 0.0f);
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
