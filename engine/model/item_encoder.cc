#include "engine/model/item_encoder.h"

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"

namespace attune {
namespace {

// Embeddings start small beside the standardised sum; AdamW moves them by about
// the learning rate per step whatever their scale.
constexpr float kTableStd = 0.05f;

LinearSpec Spec(int64_t in, int64_t out) {
  LinearSpec spec;
  spec.in = in;
  spec.out = out;
  return spec;
}

}  // namespace

void ItemBatch::Add(int32_t id_row, std::span<const int32_t> text,
                    std::span<const int32_t> attributes) {
  id_rows.push_back(id_row);
  text_rows.insert(text_rows.end(), text.begin(), text.end());
  text_offsets.push_back(static_cast<int64_t>(text_rows.size()));
  attribute_rows.insert(attribute_rows.end(), attributes.begin(),
                        attributes.end());
  attribute_offsets.push_back(static_cast<int64_t>(attribute_rows.size()));
}

void ItemBatch::Clear() {
  id_rows.clear();
  text_rows.clear();
  attribute_rows.clear();
  text_offsets.assign(1, 0);
  attribute_offsets.assign(1, 0);
}

ItemEncoder::ItemEncoder(ParameterLayout& layout, const ModelConfig& config)
    : layout_(&layout),
      config_(config),
      id_table_(layout.Add("item.id", std::max<int64_t>(config.item_count, 1),
                           config.width, Initializer::kNormal, kTableStd,
                           /*decay=*/true)),
      text_table_(layout.Add("item.text", config.text_buckets, config.width,
                             Initializer::kNormal, kTableStd, /*decay=*/true)),
      attribute_table_(layout.Add("item.attribute", config.attribute_buckets,
                                  config.width, Initializer::kNormal, kTableStd,
                                  /*decay=*/true)),
      text_scores_(layout, "item.text_scores",
                   Spec(config.width, config.text_heads)),
      text_output_(layout, "item.text_output",
                   Spec(config.width, config.width)),
      attribute_output_(layout, "item.attribute_output",
                        Spec(config.width, config.width)) {}

absl::Status ItemEncoder::Prepare(const Backend& backend, bool training) {
  // Item vectors are made once and stored, so they are always f32.
  for (LinearLayer* layer :
       {&text_scores_, &text_output_, &attribute_output_}) {
    ATTUNE_RETURN_IF_ERROR(layer->Prepare(backend, Precision::kF32, training));
  }
  ATTUNE_ASSIGN_OR_RETURN(pooling_, backend.CreateAttentionPooling(
                                        config_.width, config_.text_heads));
  scores_.resize(static_cast<size_t>(config_.text_buckets) *
                 config_.text_heads);
  return absl::OkStatus();
}

absl::Status ItemEncoder::SetWeights(ExecutionContext& context,
                                     std::span<const float> values) {
  for (LinearLayer* layer :
       {&text_scores_, &text_output_, &attribute_output_}) {
    ATTUNE_RETURN_IF_ERROR(layer->SetWeights(values));
  }
  return text_scores_.Forward(
      context, layout_->Matrix(text_table_, values),
      MatrixView(scores_.data(), {config_.text_buckets, config_.text_heads}));
}

absl::Status ItemEncoder::Forward(ExecutionContext& context,
                                  std::span<const float> values,
                                  const ItemBatch& batch, MatrixView x,
                                  Saved* saved) const {
  Workspace& workspace = context.workspace;
  const int64_t n = batch.size();
  Saved local;
  if (saved == nullptr) saved = &local;
  saved->pooled = workspace.Matrix(n, config_.width);
  saved->sum = workspace.Matrix(n, config_.width);
  ATTUNE_RETURN_IF_ERROR(pooling_->Forward(
      context, layout_->Matrix(text_table_, values),
      ConstMatrixView(scores_.data(),
                      {config_.text_buckets, config_.text_heads}),
      batch.text_rows, batch.text_offsets, saved->pooled));
  ATTUNE_RETURN_IF_ERROR(
      text_output_.Forward(context, saved->pooled, saved->sum));
  {
    Workspace::Scope scope(workspace);
    MatrixView attributes = workspace.ZeroMatrix(n, config_.width);
    BagMeanAdd(layout_->Matrix(attribute_table_, values), batch.attribute_rows,
               batch.attribute_offsets, attributes);
    ATTUNE_RETURN_IF_ERROR(
        attribute_output_.Forward(context, attributes, saved->sum, saved->sum));
  }
  GatherAdd(layout_->Matrix(id_table_, values), batch.id_rows, saved->sum);
  StandardizeRows(saved->sum, x);
  return absl::OkStatus();
}

absl::Status ItemEncoder::Backward(ExecutionContext& context,
                                   std::span<const float> values,
                                   const ItemBatch& batch, const Saved& saved,
                                   ConstMatrixView dx,
                                   MatrixView score_gradients,
                                   std::span<float> gradients) const {
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const int64_t n = batch.size();
  MatrixView dsum = workspace.Matrix(n, config_.width);
  StandardizeRowsBackward(saved.sum, dx, dsum);
  ScatterAdd(dsum, batch.id_rows, layout_->Matrix(id_table_, gradients));

  MatrixView attributes = workspace.ZeroMatrix(n, config_.width);
  BagMeanAdd(layout_->Matrix(attribute_table_, values), batch.attribute_rows,
             batch.attribute_offsets, attributes);
  MatrixView dbranch = workspace.Matrix(n, config_.width);
  ATTUNE_RETURN_IF_ERROR(attribute_output_.Backward(context, attributes, dsum,
                                                    dbranch, gradients));
  BagMeanBackward(dbranch, batch.attribute_rows, batch.attribute_offsets,
                  layout_->Matrix(attribute_table_, gradients));

  ATTUNE_RETURN_IF_ERROR(
      text_output_.Backward(context, saved.pooled, dsum, dbranch, gradients));
  return pooling_->Backward(
      context, layout_->Matrix(text_table_, values),
      ConstMatrixView(scores_.data(),
                      {config_.text_buckets, config_.text_heads}),
      batch.text_rows, batch.text_offsets, saved.pooled, dbranch,
      layout_->Matrix(text_table_, gradients), score_gradients);
}

absl::Status ItemEncoder::BackwardScores(ExecutionContext& context,
                                         std::span<const float> values,
                                         ConstMatrixView score_gradients,
                                         std::span<float> gradients) const {
  Workspace::Scope scope(context.workspace);
  MatrixView dtable =
      context.workspace.Matrix(config_.text_buckets, config_.width);
  ATTUNE_RETURN_IF_ERROR(
      text_scores_.Backward(context, layout_->Matrix(text_table_, values),
                            score_gradients, dtable, gradients));
  AddInto(dtable, layout_->Matrix(text_table_, gradients));
  return absl::OkStatus();
}

}  // namespace attune
