#include "engine/model/candidate_decoder.h"

#include <algorithm>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {

CandidateDecoder::CandidateDecoder(ParameterLayout& layout,
                                   const ModelConfig& config)
    : layout_(&layout),
      config_(config),
      context_base_(layout.Add("decoder.context", 1, config.width,
                               Initializer::kNormal, 0.5f, /*decay=*/false)),
      context_clock_(layout.Add("decoder.context_clock", kClockFeatures,
                                config.width, Initializer::kNormal, 0.05f,
                                /*decay=*/true)),
      user_table_(layout.Add("decoder.user", config.user_buckets, config.width,
                             Initializer::kNormal, 0.05f, /*decay=*/true)),
      final_norm_(layout, "decoder.final_norm", config.width) {
  if (config.context_buckets > 0) {
    context_table_ = layout.Add("decoder.context_value", config.context_buckets,
                                config.width, Initializer::kZeros, 0,
                                /*decay=*/true);
  }
  if (config.context_text) {
    context_text_ = layout.Add("decoder.context_text", config.width,
                               config.width, Initializer::kZeros, 0,
                               /*decay=*/true);
  }
  AttentionBlockConfig block;
  block.width = config.width;
  block.heads = config.heads;
  block.feed_forward = config.feed_forward;
  block.relative_positions = config.relative_positions;
  block.time_buckets = config.use_time ? config.time_buckets : 0;
  block.cross = true;
  blocks_.reserve(config.decoder_blocks);
  for (int i = 0; i < config.decoder_blocks; ++i) {
    blocks_.emplace_back(layout, StrCat("decoder.block", i), block);
  }
}

absl::Status CandidateDecoder::Prepare(const Backend& backend,
                                       Precision precision, bool training) {
  for (AttentionBlock& block : blocks_) {
    ATTUNE_RETURN_IF_ERROR(block.Prepare(backend, precision, training));
  }
  return final_norm_.Prepare(backend);
}

absl::Status CandidateDecoder::SetWeights(std::span<const float> values) {
  for (AttentionBlock& block : blocks_) {
    ATTUNE_RETURN_IF_ERROR(block.SetWeights(values));
  }
  return absl::OkStatus();
}

absl::Status CandidateDecoder::ProjectItems(ExecutionContext& context,
                                            std::span<const float> values,
                                            ConstMatrixView x,
                                            MatrixView q) const {
  if (blocks_.empty()) {
    for (int64_t i = 0; i < q.rows(); ++i) {
      std::fill_n(q.row(i), q.cols(), 0.0f);
    }
    return absl::OkStatus();
  }
  return blocks_[0].ProjectQuery(context, values, x, q);
}

void CandidateDecoder::ContextToken(std::span<const float> values,
                                    std::span<const float> clock,
                                    std::span<const int32_t> user_tokens,
                                    std::span<float> token) const {
  std::span<const float> base = layout_->Vector(context_base_, values);
  std::copy(base.begin(), base.end(), token.begin());
  ConstMatrixView weights = layout_->Matrix(context_clock_, values);
  for (int f = 0; f < kClockFeatures; ++f) {
    const float* row = weights.row(f);
    for (size_t d = 0; d < token.size(); ++d) token[d] += clock[f] * row[d];
  }
  ConstMatrixView users = layout_->Matrix(user_table_, values);
  for (int32_t user_token : user_tokens) {
    const float* row = users.row(user_token);
    for (size_t d = 0; d < token.size(); ++d) token[d] += row[d];
  }
}

void CandidateDecoder::ContextVector(std::span<const float> values,
                                     std::span<const int32_t> tokens,
                                     std::span<const float> text,
                                     std::span<float> out) const {
  std::fill(out.begin(), out.end(), 0.0f);
  const auto add = [&](const float* row, float factor) {
    for (size_t d = 0; d < out.size(); ++d) out[d] += factor * row[d];
  };
  if (context_table_.has_value()) {
    const ConstMatrixView table = layout_->Matrix(*context_table_, values);
    for (const int32_t token : tokens) add(table.row(token), 1.0f);
  }
  if (context_text_.has_value() && !text.empty()) {
    const ConstMatrixView weights = layout_->Matrix(*context_text_, values);
    for (size_t i = 0; i < text.size(); ++i) {
      add(weights.row(static_cast<int64_t>(i)), text[i]);
    }
  }
}

void CandidateDecoder::ContextVectorBackward(std::span<const float> dout,
                                             std::span<const int32_t> tokens,
                                             std::span<const float> text,
                                             std::span<float> gradients) const {
  const auto add = [&](float* row, float factor) {
    for (size_t d = 0; d < dout.size(); ++d) row[d] += factor * dout[d];
  };
  if (context_table_.has_value()) {
    const MatrixView table = layout_->Matrix(*context_table_, gradients);
    for (const int32_t token : tokens) add(table.row(token), 1.0f);
  }
  if (context_text_.has_value() && !text.empty()) {
    const MatrixView weights = layout_->Matrix(*context_text_, gradients);
    for (size_t i = 0; i < text.size(); ++i) {
      add(weights.row(static_cast<int64_t>(i)), text[i]);
    }
  }
}

void CandidateDecoder::ContextTokenBackward(
    std::span<const float> dtoken, std::span<const float> clock,
    std::span<const int32_t> user_tokens, std::span<float> gradients) const {
  std::span<float> dbase = layout_->Vector(context_base_, gradients);
  MatrixView dclock = layout_->Matrix(context_clock_, gradients);
  MatrixView dusers = layout_->Matrix(user_table_, gradients);
  for (size_t d = 0; d < dtoken.size(); ++d) dbase[d] += dtoken[d];
  for (int f = 0; f < kClockFeatures; ++f) {
    float* row = dclock.row(f);
    for (size_t d = 0; d < dtoken.size(); ++d) row[d] += clock[f] * dtoken[d];
  }
  for (int32_t user_token : user_tokens) {
    float* row = dusers.row(user_token);
    for (size_t d = 0; d < dtoken.size(); ++d) row[d] += dtoken[d];
  }
}

absl::Status CandidateDecoder::AppendMemory(
    ExecutionContext& context, ConstMatrixView memory,
    std::span<const KeyValueView> caches, int64_t at) const {
  for (size_t i = 0; i < blocks_.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(
        blocks_[i].AppendMemory(context, memory, caches[i], at));
  }
  return absl::OkStatus();
}

absl::Status CandidateDecoder::Decode(
    ExecutionContext& context, std::span<const float> values, ConstMatrixView x,
    ConstMatrixView q, std::span<const KeyValueView> caches,
    int64_t memory_rows, std::span<const int64_t> query_time_ms,
    std::span<const int64_t> key_time_ms, MatrixView z) const {
  Workspace::Scope scope(context.workspace);
  ConstMatrixView input = x;
  ConstMatrixView query = q;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    if (i > 0) {
      MatrixView next = context.workspace.Matrix(x.rows(), x.cols());
      ATTUNE_RETURN_IF_ERROR(
          blocks_[i].ProjectQuery(context, values, input, next));
      query = next;
    }
    ATTUNE_RETURN_IF_ERROR(blocks_[i].Decode(context, values, input, query,
                                             caches[i], memory_rows,
                                             query_time_ms, key_time_ms, z));
    input = z;
  }
  final_norm_.Forward(context, values, input, z);
  return absl::OkStatus();
}

absl::Status CandidateDecoder::Weights(
    ExecutionContext& context, std::span<const float> values, ConstMatrixView q,
    std::span<const KeyValueView> caches, int64_t memory_rows,
    std::span<const int64_t> query_time_ms,
    std::span<const int64_t> key_time_ms, MatrixView weights) const {
  if (blocks_.empty()) {
    return absl::UnimplementedError("the model has no decoder block");
  }
  return blocks_[0].Weights(context, values, q, caches[0], memory_rows,
                            query_time_ms, key_time_ms, weights);
}

absl::Status CandidateDecoder::Forward(
    ExecutionContext& context, std::span<const float> values, ConstMatrixView x,
    ConstMatrixView memory, const BlockContext& block, float dropout, Rng& rng,
    Saved& saved, MatrixView z) const {
  saved.blocks.resize(blocks_.size());
  ConstMatrixView input = x;
  for (size_t i = 0; i < blocks_.size(); ++i) {
    MatrixView y = context.workspace.Matrix(x.rows(), x.cols());
    ATTUNE_RETURN_IF_ERROR(blocks_[i].Forward(context, values, input, memory,
                                              block, dropout, rng,
                                              saved.blocks[i], y));
    saved.final_states = y;
    input = y;
  }
  final_norm_.Forward(context, values, input, z);
  return absl::OkStatus();
}

absl::Status CandidateDecoder::Backward(
    ExecutionContext& context, std::span<const float> values,
    const Saved& saved, const BlockContext& block, MatrixView dz, MatrixView dx,
    MatrixView dmemory, std::span<float> gradients) const {
  final_norm_.Backward(context, values, saved.final_states, dz, dz, gradients);
  for (size_t i = blocks_.size(); i-- > 0;) {
    ATTUNE_RETURN_IF_ERROR(blocks_[i].Backward(
        context, values, saved.blocks[i], block, dz, dz, dmemory, gradients));
  }
  AddInto(dz, dx);
  return absl::OkStatus();
}

}  // namespace attune
