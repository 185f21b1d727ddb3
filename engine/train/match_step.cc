#include "engine/train/match_step.h"

#include <algorithm>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"

namespace attune {

void MatchBatch::Clear() {
  sequences.clear();
  ranges.clear();
  visible.clear();
  item.clear();
  seen.clear();
  action.clear();
  is_start.clear();
  gap.clear();
  query_time_ms.clear();
  key_time_ms.clear();
  target.clear();
  weight.clear();
}

void MatchBatch::Add(const Network& network, const TrainingSequence& sequence,
                     std::span<const int32_t> active,
                     std::span<const int32_t> actions,
                     std::span<const float> action_weights) {
  timed = network.config().use_time;
  std::span<const Interaction> events = sequence.events;
  const int64_t begin = rows();
  const int64_t length = static_cast<int64_t>(events.size()) - 1;
  sequences.push_back(sequence);
  if (sequence.start) {
    ranges.push_back({begin, 1, begin, 1});
    AddStart(active, action_weights);
    return;
  }
  ranges.push_back({begin, length, begin, length});
  is_start.resize(static_cast<size_t>(begin + length), 0);
  int64_t time = 0;
  for (int64_t i = 0; i < length; ++i) {
    if (events[i].has_time) time = events[i].time_ms;
    const int64_t next = events[i + 1].has_time ? events[i + 1].time_ms : time;
    visible.push_back(static_cast<int32_t>(i + 1));
    item.push_back(active[events[i].item]);
    seen.push_back(active[events[i].item]);
    action.push_back(actions[events[i].action]);
    gap.push_back(network.history().GapBucket(time, next, events[i].has_time));
    key_time_ms.push_back(time);
    query_time_ms.push_back(next);
    target.push_back(active[events[i + 1].item]);
    const bool counts = i >= sequence.loss_begin && events[i + 1].positive;
    const float of_action =
        action_weights.empty() ? 1.0f : action_weights[events[i + 1].action];
    weight.push_back(counts ? of_action : 0.0f);
  }
}

void MatchBatch::AddStart(std::span<const int32_t> active,
                          std::span<const float> action_weights) {
  const std::span<const Interaction> events = sequences.back().events;
  const Interaction next = events.empty() ? Interaction() : events.front();
  visible.push_back(1);
  item.push_back(-1);
  seen.push_back(-1);
  action.push_back(-1);
  is_start.push_back(1);
  gap.push_back(0);
  key_time_ms.push_back(next.time_ms);
  query_time_ms.push_back(next.time_ms);
  const bool counts = !events.empty() && next.positive;
  target.push_back(counts ? active[next.item] : -1);
  const float of_action =
      action_weights.empty() ? 1.0f : action_weights[next.action];
  weight.push_back(counts ? of_action : 0.0f);
}

void MatchBatch::AddLast(const Network& network,
                         std::span<const int32_t> active,
                         std::span<const int32_t> actions, int64_t query_time) {
  const Interaction& event = sequences.back().events.back();
  AttentionSequence& range = ranges.back();
  ++range.query_count;
  ++range.key_count;
  const int64_t time = event.has_time ? event.time_ms : query_time;
  visible.push_back(static_cast<int32_t>(range.key_count));
  item.push_back(active[event.item]);
  seen.push_back(active[event.item]);
  action.push_back(actions[event.action]);
  is_start.push_back(0);
  gap.push_back(network.history().GapBucket(time, query_time, event.has_time));
  key_time_ms.push_back(time);
  query_time_ms.push_back(query_time);
  target.push_back(active[event.item]);
  weight.push_back(0);
}

void MatchBatch::Augment(const Augmentation& augmentation,
                         std::span<const int32_t> active, Rng& rng) {
  for (size_t s = 0; s < sequences.size(); ++s) {
    if (augmentation.basket_weight < 1) {
      WeighBaskets(s, augmentation.basket_weight, active, rng);
    }
  }
  if (augmentation.event_dropout <= 0 && augmentation.target_skip <= 0) return;
  for (size_t s = 0; s < sequences.size(); ++s) {
    std::span<const Interaction> events = sequences[s].events;
    for (int64_t i = 0; i < ranges[s].query_count; ++i) {
      const int64_t row = ranges[s].query_begin + i;
      const bool drop = rng.Bernoulli(augmentation.event_dropout);
      const bool skip = rng.Bernoulli(augmentation.target_skip);
      if (drop) item[row] = -1;
      if (skip && i + 2 < static_cast<int64_t>(events.size()) &&
          events[i + 2].positive && weight[row] > 0) {
        target[row] = active[events[i + 2].item];
      }
    }
  }
}

void MatchBatch::WeighBaskets(size_t sequence, float share,
                              std::span<const int32_t> active, Rng& rng) {
  const std::span<const Interaction> events = sequences[sequence].events;
  const int64_t count = static_cast<int64_t>(events.size());
  for (int64_t i = 0; i + 1 < count && !sequences[sequence].start; ++i) {
    const int64_t row = ranges[sequence].query_begin + i;
    if (events[i + 1].sort_key == events[i].sort_key) {
      weight[row] *= share;
      continue;
    }
    int64_t end = i + 2;
    while (end < count && events[end].sort_key == events[i + 1].sort_key) ++end;
    const Interaction& any =
        events[i + 1 + static_cast<int64_t>(rng.Below(end - i - 1))];
    if (any.positive && weight[row] > 0) target[row] = active[any.item];
  }
}

namespace {

/// Per counted row the items of its history; nothing for a row whose target is
/// among them.
void FillExcluded(const MatchBatch& batch,
                  std::span<std::span<const int32_t>> excluded) {
  size_t at = 0;
  for (const AttentionSequence& range : batch.ranges) {
    std::span<const int32_t> seen(batch.seen);
    seen = seen.subspan(range.query_begin, range.query_count);
    for (int64_t i = 0; i < range.query_count; ++i) {
      const int64_t row = range.query_begin + i;
      if (batch.weight[row] <= 0) continue;
      std::span<const int32_t> history =
          seen.first(batch.is_start[row] ? 0 : i + 1);
      if (std::ranges::find(history, batch.target[row]) != history.end()) {
        history = {};
      }
      excluded[at++] = history;
    }
  }
}

}  // namespace

absl::Status MatchStep::Prepare(const Backend& backend) {
  ATTUNE_ASSIGN_OR_RETURN(cross_entropy_,
                          backend.CreateCrossEntropy(network_.config().width));
  return absl::OkStatus();
}

absl::StatusOr<double> MatchStep::Run(ExecutionContext& context,
                                      const MatchBatch& batch,
                                      const Inputs& inputs, Rng& rng,
                                      MatrixView dx,
                                      std::span<float> gradients) const {
  if (batch.rows() == 0) return 0.0;
  Workspace::Scope scope(context.workspace);
  Workspace& workspace = context.workspace;
  const ModelConfig& config = network_.config();
  const int64_t rows = batch.rows();
  const HistoryEncoder& history = network_.history();

  MatrixView input = workspace.ZeroMatrix(rows, config.width);
  GatherAdd(inputs.x, batch.item, input);
  history.EmbedInputs(inputs.values, batch.inputs(), input);
  HistoryEncoder::Saved saved;
  MatrixView memory = workspace.Matrix(rows, config.width);
  MatrixView user = workspace.Matrix(rows, config.width);
  const BlockContext block = batch.block();
  ATTUNE_RETURN_IF_ERROR(history.Forward(context, inputs.values, input, block,
                                         inputs.dropout, rng, saved, memory,
                                         user));

  // Only the rows that have a target go through the softmax.
  int64_t counted = 0;
  for (float weight : batch.weight) counted += weight > 0;
  MatrixView states = workspace.Matrix(counted, config.width);
  std::span<int32_t> targets = workspace.Allocate<int32_t>(counted);
  std::span<float> weights = workspace.Allocate<float>(counted);
  int64_t at = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (batch.weight[i] <= 0) continue;
    CopyRows(user.rows_slice(i, 1), states.rows_slice(at, 1));
    targets[at] = batch.target[i];
    weights[at] = batch.weight[i] * inputs.loss_scale;
    ++at;
  }
  // A target that the history holds already may not be excluded.
  std::span<std::span<const int32_t>> excluded;
  if (inputs.exclude_seen) {
    excluded = workspace.Allocate<std::span<const int32_t>>(counted);
    FillExcluded(batch, excluded);
  }
  CrossEntropyInput loss_input;
  loss_input.excluded = excluded;
  loss_input.rows = states;
  loss_input.classes = inputs.x;
  loss_input.class_bias = inputs.class_bias;
  loss_input.targets = targets;
  loss_input.weights = weights;
  loss_input.scale =
      1.0f / (static_cast<float>(config.width) * config.temperature);
  MatrixView dstates = workspace.Matrix(counted, config.width);
  ATTUNE_ASSIGN_OR_RETURN(
      const double loss,
      cross_entropy_->ForwardBackward(context, loss_input, dstates, dx, {}));

  MatrixView duser = workspace.ZeroMatrix(rows, config.width);
  at = 0;
  for (int64_t i = 0; i < rows; ++i) {
    if (batch.weight[i] <= 0) continue;
    CopyRows(dstates.rows_slice(at++, 1), duser.rows_slice(i, 1));
  }
  MatrixView dmemory = workspace.ZeroMatrix(rows, config.width);
  MatrixView drows = workspace.Matrix(rows, config.width);
  ATTUNE_RETURN_IF_ERROR(history.Backward(context, inputs.values, saved, block,
                                          batch.inputs(), dmemory, duser, drows,
                                          gradients));
  ScatterAdd(drows, batch.item, dx);
  return loss;
}

}  // namespace attune
