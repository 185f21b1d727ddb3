#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/network.h"
#include "engine/train/dataset.h"

namespace attune {

/// A piece of one user's sequence that is encoded at once: rows are events
/// [begin, end - 1), row i predicts event i + 1. Rows before loss_begin only
/// give context (they were targets of the piece before).
struct TrainingSequence {
  int32_t user = 0;
  std::span<const Interaction> events;
  int64_t loss_begin = 0;  ///< first row of the piece that counts
  /// The empty history instead: one row, which predicts the one event, or
  /// nothing where the user has none.
  bool start = false;

  int64_t rows() const {
    return start ? 1 : static_cast<int64_t>(events.size()) - 1;
  }
  /// What row i of the piece knows. It predicts the event behind, if any.
  std::span<const Interaction> history(int64_t row) const {
    return events.first(static_cast<size_t>(start ? 0 : row + 1));
  }
};

/// Sequences of one shard, packed: row arrays [N], where N is the sum of
/// their rows.
struct MatchBatch {
  std::vector<TrainingSequence> sequences;
  std::vector<AttentionSequence> ranges;
  std::vector<int32_t> visible;
  std::vector<int32_t> item;    ///< active index of the row's event, or -1
  std::vector<int32_t> action;  ///< ModelConfig::actions index
  std::vector<int32_t> gap;
  std::vector<uint8_t> is_start;  ///< a learned row for the empty history
  std::vector<int64_t> query_time_ms, key_time_ms;  ///< empty without time
  std::vector<int32_t> target;  ///< active index; valid where weight > 0
  std::vector<float> weight;
  /// Active index of every event, whether the row sees it or not. A row's
  /// history is the rows of its sequence up to itself.
  std::vector<int32_t> seen;
  bool timed = false;

  int64_t rows() const { return static_cast<int64_t>(item.size()); }
  HistoryRows inputs() const { return {action, gap, is_start}; }
  BlockContext block() const {
    BlockContext context;
    context.sequences = ranges;
    context.visible = visible;
    if (timed) {
      context.query_time_ms = query_time_ms;
      context.key_time_ms = key_time_ms;
    }
    return context;
  }

  /// What a training step changes of its rows at random.
  struct Augmentation {
    float event_dropout = 0;  ///< TrainOptions::event_dropout
    float target_skip = 0;    ///< TrainOptions::target_skip
    float basket_weight = 1;  ///< TrainOptions::decoder_basket_weight
  };

  void Clear();
  /// `active` maps dataset item to active index; `actions` dataset action to
  /// ModelConfig::actions index; `action_weights` dataset action to the weight
  /// of such a target (empty: 1).
  void Add(const Network& network, const TrainingSequence& sequence,
           std::span<const int32_t> active, std::span<const int32_t> actions,
           std::span<const float> action_weights);
  /// A row more for a sequence's last event, which predicts nothing: what came
  /// behind it was shown at `query_time_ms`. Call it right after its Add.
  void AddLast(const Network& network, std::span<const int32_t> active,
               std::span<const int32_t> actions, int64_t query_time_ms);
  /// Call after all sequences are in.
  void Augment(const Augmentation& augmentation,
               std::span<const int32_t> active, Rng& rng);

 private:
  // Rows of one sequence, see TrainOptions::decoder_basket_weight.
  void WeighBaskets(size_t sequence, float share,
                    std::span<const int32_t> active, Rng& rng);
  // The row of an empty history, as Scorer::Encode makes it.
  void AddStart(std::span<const int32_t> active,
                std::span<const float> action_weights);
};

/// The next-item loss of one shard: encodes the sequences, takes the softmax
/// over the active items at every row, and runs back to dx and the parameters.
class MatchStep {
 public:
  explicit MatchStep(const Network& network) : network_(network) {}
  absl::Status Prepare(const Backend& backend);

  struct Inputs {
    std::span<const float> values;
    ConstMatrixView x;                  ///< [A, D] active items
    std::span<const float> class_bias;  ///< [A] or empty: -log q
    float loss_scale = 1;               ///< 1 / rows that count in the batch
    float dropout = 0;
    bool exclude_seen = false;  ///< TrainOptions::exclude_seen
  };
  /// Adds to dx [A, D] and gradients; returns the loss times loss_scale.
  absl::StatusOr<double> Run(ExecutionContext& context, const MatchBatch& batch,
                             const Inputs& inputs, Rng& rng, MatrixView dx,
                             std::span<float> gradients) const;

 private:
  const Network& network_;
  std::unique_ptr<CrossEntropy> cross_entropy_;
};

}  // namespace attune
