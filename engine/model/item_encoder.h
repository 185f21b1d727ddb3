#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "attention/backend.h"
#include "attention/modules/linear_layer.h"
#include "attention/modules/parameters.h"
#include "engine/model/config.h"

namespace attune {

/// The items of one call in packed form: rows into the three tables.
struct ItemBatch {
  std::vector<int32_t> id_rows;  ///< [N]; -1: no id (unknown, or dropped)
  std::vector<int32_t> text_rows;
  std::vector<int64_t> text_offsets = {0};  ///< [N + 1]
  std::vector<int32_t> attribute_rows;
  std::vector<int64_t> attribute_offsets = {0};  ///< [N + 1]

  int64_t size() const { return static_cast<int64_t>(id_rows.size()); }
  void Add(int32_t id_row, std::span<const int32_t> text,
           std::span<const int32_t> attributes);
  void Clear();
};

/// Item vector x = standardize(id + W_t pool(text) + W_a mean(attributes)):
/// zero mean, unit variance, so |x| = sqrt(D) whichever parts an item has.
/// Text: rows of a hashed n-gram table, multi-head attention pooling (Lin et
/// al. 2017), a linear layer. In training the id is dropped at random, so that
/// text alone must carry an item.
class ItemEncoder {
 public:
  ItemEncoder(ParameterLayout& layout, const ModelConfig& config);

  absl::Status Prepare(const Backend& backend, bool training);
  absl::Status SetWeights(ExecutionContext& context,
                          std::span<const float> values);

  struct Saved {
    MatrixView pooled;  ///< [N, D]
    MatrixView sum;     ///< [N, D] before standardisation
  };

  /// x [N, D]. `saved` may be null outside of training.
  absl::Status Forward(ExecutionContext& context, std::span<const float> values,
                       const ItemBatch& batch, MatrixView x,
                       Saved* saved) const;
  /// dx [N, D]; `score_gradients` [text_buckets, heads] collects the gradient
  /// of the pooling scores, finished by BackwardScores once per step.
  absl::Status Backward(ExecutionContext& context,
                        std::span<const float> values, const ItemBatch& batch,
                        const Saved& saved, ConstMatrixView dx,
                        MatrixView score_gradients,
                        std::span<float> gradients) const;
  absl::Status BackwardScores(ExecutionContext& context,
                              std::span<const float> values,
                              ConstMatrixView score_gradients,
                              std::span<float> gradients) const;

 private:
  const ParameterLayout* layout_;
  ModelConfig config_;
  ParameterId id_table_, text_table_, attribute_table_;
  LinearLayer text_scores_, text_output_, attribute_output_;
  std::unique_ptr<AttentionPooling> pooling_;
  /// Pooling scores of every table row, remade by SetWeights: [buckets, heads].
  std::vector<float> scores_;
};

}  // namespace attune
