#include "engine/train/trainer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/adamw.h"
#include "engine/train/decoder_sampler.h"
#include "engine/train/item_pass.h"
#include "engine/train/schedule.h"

namespace attune {
namespace {

// Steps between two updates of the weights' average: the pass over all of them
// is as dear as a part of the optimiser's.
constexpr int kAverageEvery = 4;

// Candidates that an epoch's validation puts through the fusion: enough to tell
// epochs apart. All of them, as in serving, would take longer than the
// training.
constexpr int kEpochRerank = 256;

/// A stream of its own for every use, so that a resumed run draws the same.
uint64_t StreamSeed(uint64_t seed, int stage, int64_t step, uint64_t use) {
  Rng rng(seed * 0x9e3779b97f4a7c15ULL + static_cast<uint64_t>(stage) * 7919 +
          static_cast<uint64_t>(step) * 104729 + use * 1299709);
  return rng.Next();
}

/// Pieces of a user's training sequence of at most window + 1 events; a later
/// piece repeats a quarter of a window as context and counts only what is new.
void CutSequence(int32_t user, std::span<const Interaction> events,
                 int64_t window, int64_t least,
                 std::vector<TrainingSequence>& pieces) {
  const int64_t count = static_cast<int64_t>(events.size());
  const int64_t most = window + 1;
  if (count < least) return;
  if (count <= most) {
    pieces.push_back({user, events, 0});
    return;
  }
  const int64_t step = std::max<int64_t>(window * 3 / 4, 1);
  int64_t counted = 0;  // rows whose target was in an earlier piece
  for (int64_t begin = 0;; begin += step) {
    const int64_t end = std::min(begin + most, count);
    pieces.push_back(
        {user, events.subspan(begin, end - begin), counted - begin});
    counted = end - 1;
    if (end == count) break;
  }
}

}  // namespace

struct Trainer::Impl {
  Impl(const ModelConfig& config, const TrainOptions& train_options,
       TrainingData training_data, ThreadPool& thread_pool)
      : options(train_options),
        data(std::move(training_data)),
        pool(thread_pool),
        network(config),
        inference(config),
        items(network, *data.catalogue, train_options.threads),
        match_step(network),
        decoder_step(network),
        sampler(network, options, *data.dataset, *data.split, *data.features,
                data.tasks),
        shards(train_options.threads) {}

  struct Shard {
    ExecutionContext context;
    MatchBatch rows;
    DecoderBatch groups;
    DecoderSampler::Scratch scratch;
    std::vector<float> gradients;
    std::vector<float> dx;
    double loss = 0;
    absl::Status status;
  };

  const ModelConfig& config() const { return network.config(); }

  absl::Status Prepare(const Backend& backend);
  std::vector<std::vector<TrainingSequence>> Batches(int stage,
                                                     int epoch) const;
  void ChooseActive(const std::vector<TrainingSequence>& batch, uint64_t seed);
  void FillShards(const std::vector<TrainingSequence>& batch,
                  std::span<const int32_t> active, bool with_last);
  int64_t TimeBehind(const TrainingSequence& piece) const;
  absl::StatusOr<double> MatchBatchStep(
      const std::vector<TrainingSequence>& batch, TrainerState& state);
  absl::StatusOr<double> DecoderBatchStep(
      const std::vector<TrainingSequence>& batch, TrainerState& state);
  void UpdateAverage(TrainerState& state);
  void ReduceGradients(int64_t begin, int64_t end);
  absl::Status ApplyGradients(TrainerState& state);
  absl::Status EncodeItems(std::span<const float> values);
  absl::Status SetTrainingWeights(std::span<const float> values);
  int64_t first_decoder_value() const {
    // Layout order is items, history, decoder, fusion, tasks.
    for (const Parameter& parameter : network.layout().list()) {
      if (parameter.name.starts_with("decoder.")) return parameter.offset;
    }
    return network.layout().size();
  }

  TrainOptions options;
  TrainingData data;
  ThreadPool& pool;
  Network network;    // prepared for training
  Network inference;  // the same layout, prepared as serving prepares it
  ItemPass items;
  MatchStep match_step;
  DecoderStep decoder_step;
  DecoderSampler sampler;
  std::vector<Shard> shards;
  std::vector<TrainingSequence> pieces;
  std::vector<TrainingSequence> decoder_pieces;  // empty: the same
  std::vector<int32_t> active_items, active_index;
  std::vector<float> class_bias;
  std::vector<int64_t> training_counts;
  std::vector<float> x, q;        // all items, by inference
  std::vector<float> active_x;    // of the step
  std::vector<AdamW> optimisers;  // one per stage
  int64_t steps_per_epoch = 1;
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::~Trainer() = default;
int Trainer::rerank() const { return impl_->options.rerank; }
const Network& Trainer::network() const { return impl_->inference; }

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const ModelConfig& config, const TrainOptions& options,
    const Backend& backend, TrainingData data, ThreadPool& pool) {
  ATTUNE_RETURN_IF_ERROR(config.Validate());
  auto impl = std::make_unique<Impl>(config, options, std::move(data), pool);
  ATTUNE_RETURN_IF_ERROR(impl->Prepare(backend));
  return std::unique_ptr<Trainer>(new Trainer(std::move(impl)));
}

absl::Status Trainer::Impl::Prepare(const Backend& backend) {
  absl::Status status;
  RunSerial([&] {
    status = network.Prepare(backend, /*training=*/true);
    if (status.ok()) status = inference.Prepare(backend, /*training=*/false);
    if (status.ok()) status = match_step.Prepare(backend);
  });
  ATTUNE_RETURN_IF_ERROR(status);
  const Split& split = *data.split;
  training_counts.assign(split.item_count(), 0);
  for (int32_t user = 0; user < split.user_count(); ++user) {
    std::span<const Interaction> events = split.training(user);
    for (const Interaction& event : events) ++training_counts[event.item];
    CutSequence(user, events, config().window, 2, pieces);
    // Impressions may follow a single event. One row less, for AddLast.
    if (config().tasks.size() > 1) {
      CutSequence(user, events, config().window - 1, 1, decoder_pieces);
    }
  }
  if (pieces.empty()) {
    return absl::FailedPreconditionError(
        "no user has two events to train on: ingest more events");
  }
  if (options.batch_tokens == 0) {
    int64_t rows = 0;
    for (const TrainingSequence& piece : pieces) {
      rows += static_cast<int64_t>(piece.events.size()) - 1;
    }
    options.batch_tokens =
        static_cast<int>(std::clamp<int64_t>(rows / 48, 256, 2048));
  }
  const int64_t size = network.layout().size();
  for (Shard& shard : shards) shard.gradients.assign(size, 0.0f);
  std::vector<AdamWRange> ranges[2];
  for (const Parameter& parameter : network.layout().list()) {
    ranges[parameter.offset >= first_decoder_value()].push_back(
        {parameter.offset, parameter.size(),
         parameter.decay ? options.weight_decay : 0.0f});
  }
  AdamWOptions adam;
  adam.clip_norm = options.gradient_clip;
  for (std::vector<AdamWRange>& stage : ranges) {
    ATTUNE_ASSIGN_OR_RETURN(AdamW optimiser,
                            AdamW::Create(size, std::move(stage), adam));
    optimisers.push_back(std::move(optimiser));
  }
  const size_t item_floats =
      static_cast<size_t>(split.item_count()) * config().width;
  x.resize(item_floats);
  q.resize(item_floats);
  active_index.assign(split.item_count(), -1);
  if (split.item_count() <= options.full_softmax_items) {
    active_items.resize(split.item_count());
    std::iota(active_items.begin(), active_items.end(), 0);
    std::iota(active_index.begin(), active_index.end(), 0);
    items.SetActive(active_items);
  }
  steps_per_epoch = static_cast<int64_t>(Batches(0, 0).size());
  return absl::OkStatus();
}

std::vector<std::vector<TrainingSequence>> Trainer::Impl::Batches(
    int stage, int epoch) const {
  const std::vector<TrainingSequence>& all =
      stage == 1 && !decoder_pieces.empty() ? decoder_pieces : pieces;
  std::vector<int32_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(StreamSeed(options.seed, stage, epoch, 1));
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[rng.Below(i)]);
  }
  std::vector<std::vector<TrainingSequence>> batches(1);
  int64_t tokens = 0;
  for (int32_t index : order) {
    const int64_t length = std::max<int64_t>(
        static_cast<int64_t>(all[index].events.size()) - 1, 1);
    if (tokens > 0 && tokens + length > options.batch_tokens) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(all[index]);
    tokens += length;
  }
  return batches;
}

void Trainer::Impl::ChooseActive(const std::vector<TrainingSequence>& batch,
                                 uint64_t seed) {
  if (data.split->item_count() <= options.full_softmax_items) return;
  for (int32_t item : active_items) active_index[item] = -1;
  active_items.clear();
  class_bias.clear();
  int64_t tokens = 0;
  auto add = [&](int32_t item) {
    if (active_index[item] >= 0) return;
    active_index[item] = static_cast<int32_t>(active_items.size());
    active_items.push_back(item);
  };
  for (const TrainingSequence& piece : batch) {
    for (const Interaction& event : piece.events) add(event.item);
    tokens += static_cast<int64_t>(piece.events.size());
  }
  Rng rng(seed);
  const int64_t count = data.split->item_count();
  for (int i = 0; i < options.sampled_negatives; ++i) {
    add(static_cast<int32_t>(rng.Below(count)));
  }
  // logQ correction (Bengio and Senécal 2008): -log of the chance to be active,
  // as a uniform negative or as an item of the batch.
  const double events = static_cast<double>(data.split->kept_event_count());
  const double uniform = static_cast<double>(options.sampled_negatives) / count;
  for (int32_t item : active_items) {
    const double expected =
        uniform + static_cast<double>(tokens) * training_counts[item] / events;
    class_bias.push_back(
        static_cast<float>(-std::log(1.0 - std::exp(-expected))));
  }
  items.SetActive(active_items);
}

void Trainer::Impl::FillShards(const std::vector<TrainingSequence>& batch,
                               std::span<const int32_t> active,
                               bool with_last) {
  for (Shard& shard : shards) shard.rows.Clear();
  // Longest first to the emptiest shard: even, and the same for a given number
  // of shards.
  std::vector<const TrainingSequence*> order;
  for (const TrainingSequence& piece : batch) order.push_back(&piece);
  std::stable_sort(order.begin(), order.end(), [](auto* a, auto* b) {
    return a->events.size() > b->events.size();
  });
  for (const TrainingSequence* piece : order) {
    Shard* emptiest = &shards[0];
    for (Shard& shard : shards) {
      if (shard.rows.rows() < emptiest->rows.rows()) emptiest = &shard;
    }
    emptiest->rows.Add(network, *piece, active, data.actions,
                       data.action_weights);
    if (with_last) {
      emptiest->rows.AddLast(network, active, data.actions, TimeBehind(*piece));
    }
  }
}

// When the first training impression behind a piece's last event was shown.
int64_t Trainer::Impl::TimeBehind(const TrainingSequence& piece) const {
  const Interaction& last = piece.events.back();
  for (const Impression& shown : data.dataset->impressions(piece.user)) {
    if (shown.sort_key > last.sort_key && shown.has_time) return shown.time_ms;
  }
  return last.time_ms;
}

absl::StatusOr<double> Trainer::Impl::MatchBatchStep(
    const std::vector<TrainingSequence>& batch, TrainerState& state) {
  const uint64_t seed = StreamSeed(options.seed, 0, state.step, 2);
  ChooseActive(batch, seed);
  FillShards(batch, active_index, /*with_last=*/false);
  Rng augment_rng(StreamSeed(options.seed, 0, state.step, 4));
  for (Shard& shard : shards) {
    shard.rows.Augment({options.event_dropout, options.target_skip},
                       active_index, augment_rng);
  }
  const int64_t active = items.active_count();
  const int64_t width = config().width;
  active_x.resize(static_cast<size_t>(active * width));
  MatrixView active_view(active_x.data(), {active, width});
  ATTUNE_RETURN_IF_ERROR(
      items.Forward(pool, state.values, options.id_dropout, seed, active_view));
  float counted = 0;
  for (const Shard& shard : shards) {
    counted = std::accumulate(shard.rows.weight.begin(),
                              shard.rows.weight.end(), counted);
  }
  MatchStep::Inputs inputs;
  inputs.values = state.values;
  inputs.x = active_view;
  inputs.class_bias = class_bias;
  inputs.loss_scale = 1.0f / std::max(counted, 1.0f);
  inputs.dropout = options.dropout;
  inputs.exclude_seen = options.exclude_seen;
  pool.ParallelFor(static_cast<int64_t>(shards.size()), [&](int64_t s) {
    Shard& shard = shards[s];
    shard.context.workspace.Reset();
    std::fill(shard.gradients.begin(), shard.gradients.end(), 0.0f);
    shard.dx.assign(static_cast<size_t>(active * width), 0.0f);
    Rng rng(seed + 1000 + static_cast<uint64_t>(s));
    absl::StatusOr<double> loss = match_step.Run(
        shard.context, shard.rows, inputs, rng,
        MatrixView(shard.dx.data(), {active, width}), shard.gradients);
    shard.status = loss.status();
    shard.loss = loss.ok() ? *loss : 0;
  });
  double loss = 0;
  for (Shard& shard : shards) {
    ATTUNE_RETURN_IF_ERROR(shard.status);
    loss += shard.loss;
  }
  for (size_t s = 1; s < shards.size(); ++s) {
    for (size_t i = 0; i < shards[0].dx.size(); ++i) {
      shards[0].dx[i] += shards[s].dx[i];
    }
  }
  std::vector<std::span<float>> gradients;
  for (Shard& shard : shards) gradients.emplace_back(shard.gradients);
  ATTUNE_RETURN_IF_ERROR(items.Backward(
      pool, state.values, ConstMatrixView(shards[0].dx.data(), {active, width}),
      gradients));

  ATTUNE_RETURN_IF_ERROR(ApplyGradients(state));
  return loss;
}

absl::StatusOr<double> Trainer::Impl::DecoderBatchStep(
    const std::vector<TrainingSequence>& batch, TrainerState& state) {
  std::vector<int32_t> identity(data.split->item_count());
  std::iota(identity.begin(), identity.end(), 0);
  FillShards(batch, identity, /*with_last=*/config().tasks.size() > 1);
  const int64_t width = config().width;
  const uint64_t seed = StreamSeed(options.seed, 1, state.step, 3);
  ConstMatrixView all(x.data(), {data.split->item_count(), width});
  std::vector<MatrixView> memory(shards.size()), user(shards.size());
  pool.ParallelFor(static_cast<int64_t>(shards.size()), [&](int64_t s) {
    Shard& shard = shards[s];
    shard.context.workspace.Reset();
    std::fill(shard.gradients.begin() + first_decoder_value(),
              shard.gradients.end(), 0.0f);
    shard.groups.Clear();
    shard.status = absl::OkStatus();
    if (shard.rows.rows() == 0) return;
    memory[s] = shard.context.workspace.Matrix(shard.rows.rows(), width);
    user[s] = shard.context.workspace.Matrix(shard.rows.rows(), width);
    Rng rng(seed + static_cast<uint64_t>(s));
    shard.status = decoder_step.EncodeRows(
        shard.context, state.values, all, shard.rows,
        options.decoder_match_dropout, rng, memory[s], user[s]);
    if (!shard.status.ok()) return;
    sampler.Sample(shard.rows, all, user[s], rng, shard.scratch, shard.groups);
  });
  double next = 0, shown = 0;
  for (Shard& shard : shards) {
    ATTUNE_RETURN_IF_ERROR(shard.status);
    for (const DecoderGroup& group : shard.groups.groups) {
      next += group.impression ? 0 : group.weight;
      shown +=
          group.impression ? static_cast<double>(group.end - group.begin) : 0;
    }
  }
  pool.ParallelFor(static_cast<int64_t>(shards.size()), [&](int64_t s) {
    Shard& shard = shards[s];
    shard.loss = 0;
    if (shard.rows.rows() == 0) return;
    DecoderStep::Inputs inputs;
    inputs.values = state.values;
    inputs.x = all;
    inputs.memory = memory[s];
    inputs.user = user[s];
    if (shard.rows.timed) inputs.key_time_ms = shard.rows.key_time_ms;
    inputs.next_scale = static_cast<float>(1.0 / std::max(next, 1.0));
    inputs.impression_scale = static_cast<float>(1.0 / std::max(shown, 1.0));
    inputs.dropout = options.decoder_dropout;
    inputs.z_dropout = options.fusion_z_dropout;
    Rng rng(seed + 1000 + static_cast<uint64_t>(s));
    absl::StatusOr<double> loss = decoder_step.Run(
        shard.context, shard.groups, inputs, rng, shard.gradients);
    shard.status = loss.status();
    shard.loss = loss.ok() ? *loss : 0;
  });
  double loss = 0;
  for (Shard& shard : shards) {
    ATTUNE_RETURN_IF_ERROR(shard.status);
    loss += shard.loss;
  }
  ATTUNE_RETURN_IF_ERROR(ApplyGradients(state));
  return loss;
}

void Trainer::Impl::ReduceGradients(int64_t begin, int64_t end) {
  constexpr int64_t kChunk = 1 << 16;
  const int64_t chunks = (end - begin + kChunk - 1) / kChunk;
  pool.ParallelFor(chunks, [&](int64_t chunk) {
    const int64_t from = begin + chunk * kChunk;
    const int64_t to = std::min(from + kChunk, end);
    float* sum = shards[0].gradients.data();
    for (size_t s = 1; s < shards.size(); ++s) {
      const float* add = shards[s].gradients.data();
      for (int64_t i = from; i < to; ++i) sum[i] += add[i];
    }
  });
}

absl::Status Trainer::Impl::ApplyGradients(TrainerState& state) {
  const bool decoder = state.stage == 1;
  const int64_t boundary = first_decoder_value();
  ReduceGradients(decoder ? boundary : 0,
                  decoder ? network.layout().size() : boundary);
  const int epochs = decoder ? options.decoder_epochs : options.epochs;
  const WarmupCosine schedule{options.warmup_steps, steps_per_epoch * epochs,
                              options.final_rate};
  const float rate =
      (decoder ? options.decoder_learning_rate : options.learning_rate) *
      schedule.At(state.step);
  ++state.step;
  absl::StatusOr<double> norm =
      optimisers[state.stage].Step({state.values, shards[0].gradients,
                                    state.first_moment, state.second_moment},
                                   state.step, rate, pool);
  ATTUNE_RETURN_IF_ERROR(norm.status());
  UpdateAverage(state);
  return SetTrainingWeights(state.values);
}

void Trainer::Impl::UpdateAverage(TrainerState& state) {
  if (state.average.empty() || state.step % kAverageEvery != 0) return;
  // Young averages forget faster, or the start would stay in them for long.
  const double age = static_cast<double>(state.step);
  const double decay =
      std::min<double>(options.average_decay, (1 + age) / (10 + age));
  const float keep = static_cast<float>(std::pow(decay, kAverageEvery));
  constexpr int64_t kChunk = 1 << 16;
  const int64_t size = static_cast<int64_t>(state.values.size());
  pool.ParallelFor((size + kChunk - 1) / kChunk, [&](int64_t chunk) {
    const int64_t end = std::min((chunk + 1) * kChunk, size);
    for (int64_t i = chunk * kChunk; i < end; ++i) {
      state.average[i] += (1 - keep) * (state.values[i] - state.average[i]);
    }
  });
}

absl::Status Trainer::Impl::SetTrainingWeights(std::span<const float> values) {
  absl::Status status;
  RunSerial([&] {
    Workspace::Scope scope(shards[0].context.workspace);
    status = network.SetWeights(shards[0].context, values);
  });
  return status;
}

absl::Status Trainer::Impl::EncodeItems(std::span<const float> values) {
  absl::Status status;
  RunSerial([&] {
    Workspace::Scope scope(shards[0].context.workspace);
    status = inference.SetWeights(shards[0].context, values);
  });
  ATTUNE_RETURN_IF_ERROR(status);
  const int64_t count = data.split->item_count();
  return ItemPass::EncodeAll(pool, inference, values, *data.catalogue,
                             MatrixView(x.data(), {count, config().width}),
                             MatrixView(q.data(), {count, config().width}));
}

absl::Status Trainer::Run(TrainerState& state, const EpochFunction& on_epoch) {
  Impl& impl = *impl_;
  const size_t size = static_cast<size_t>(impl.network.layout().size());
  if (state.values.empty()) {
    state.values.resize(size);
    Rng rng(StreamSeed(impl.options.seed, 0, 0, 0));
    impl.network.layout().Initialize(rng, state.values);
    state.best_values = state.values;
    state.first_moment.assign(size, 0.0f);
    state.second_moment.assign(size, 0.0f);
  }
  if (state.values.size() != size) {
    return absl::InvalidArgumentError(
        StrCat("checkpoint holds ", state.values.size(),
               " parameters, the configuration needs ", size));
  }
  while (state.stage < 2) {
    const bool decoder = state.stage == 1;
    const int epochs =
        decoder ? impl.options.decoder_epochs : impl.options.epochs;
    const int patience =
        decoder ? impl.options.decoder_patience : impl.options.patience;
    ATTUNE_RETURN_IF_ERROR(impl.SetTrainingWeights(state.values));
    if (decoder) ATTUNE_RETURN_IF_ERROR(impl.EncodeItems(state.values));
    if (impl.options.average_decay > 0 && state.average.empty()) {
      state.average = state.values;
    }
    while (state.epoch < epochs && state.stale_epochs < patience) {
      const int64_t start = MonotonicNs();
      double loss = 0;
      int64_t tokens = 0, batches = 0;
      for (const auto& batch : impl.Batches(state.stage, state.epoch)) {
        ATTUNE_ASSIGN_OR_RETURN(const double batch_loss,
                                decoder ? impl.DecoderBatchStep(batch, state)
                                        : impl.MatchBatchStep(batch, state));
        loss += batch_loss;
        ++batches;
        for (const TrainingSequence& piece : batch) {
          tokens += static_cast<int64_t>(piece.events.size()) - 1;
        }
      }
      const double seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
      // More than there are says that the match term must not choose.
      const bool all = impl.options.rerank > impl.data.split->item_count();
      const int among = all ? impl.options.rerank
                            : std::min(impl.options.rerank, kEpochRerank);
      const std::vector<float>& tested =
          state.average.empty() ? state.values : state.average;
      const FusionChoice choice =
          decoder ? FusionChoice{FusionMode::kFull, 1.0f} : FusionChoice{};
      ATTUNE_ASSIGN_OR_RETURN(std::vector<double> metric,
                              ValidateAmong(tested, {&choice, 1}, among));
      if (decoder) {
        ATTUNE_ASSIGN_OR_RETURN(const double of_tasks,
                                TaskMetric(tested, choice.mode));
        metric[0] += of_tasks;
      }
      ++state.epoch;
      if (metric[0] > state.best_metric) {
        state.best_metric = metric[0];
        state.best_values = tested;
        state.stale_epochs = 0;
      } else {
        ++state.stale_epochs;
      }
      EpochReport report;
      report.stage = state.stage;
      report.epoch = state.epoch;
      report.loss = loss / static_cast<double>(std::max<int64_t>(batches, 1));
      report.metric = metric[0];
      report.best_metric = state.best_metric;
      report.seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
      report.tokens_per_second = static_cast<double>(tokens) / seconds;
      ATTUNE_RETURN_IF_ERROR(on_epoch(report, state));
    }
    // The next stage stands on the best of this one.
    state.values = state.best_values;
    state.average.clear();
    std::fill(state.first_moment.begin(), state.first_moment.end(), 0.0f);
    std::fill(state.second_moment.begin(), state.second_moment.end(), 0.0f);
    ++state.stage;
    state.epoch = 0;
    state.step = 0;
    state.stale_epochs = 0;
    state.best_metric = -1;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<TargetRanks>>> Trainer::RankAmong(
    std::span<const float> values, std::span<const EvalCase> cases,
    std::span<const FusionChoice> choices, bool exclude_seen, int rerank) {
  Impl& impl = *impl_;
  ATTUNE_RETURN_IF_ERROR(impl.EncodeItems(values));
  const Scorer scorer(impl.inference, values);
  Evaluator evaluator(scorer, *impl.data.split, *impl.data.features,
                      impl.data.actions, impl.pool);
  const int64_t count = impl.data.split->item_count();
  const int64_t width = impl.config().width;
  evaluator.SetItems(ConstMatrixView(impl.x.data(), {count, width}),
                     ConstMatrixView(impl.q.data(), {count, width}));
  Evaluator::Options options;
  options.rerank = rerank;
  options.exclude_seen = exclude_seen;
  return evaluator.Rank(cases, choices, options);
}

absl::StatusOr<TaskScores> Trainer::ScoreImpressions(
    std::span<const float> values, std::span<const ImpressionCase> cases,
    FusionMode mode) {
  Impl& impl = *impl_;
  ATTUNE_RETURN_IF_ERROR(impl.EncodeItems(values));
  const Scorer scorer(impl.inference, values);
  Evaluator evaluator(scorer, *impl.data.split, *impl.data.features,
                      impl.data.actions, impl.pool);
  const int64_t count = impl.data.split->item_count();
  const int64_t width = impl.config().width;
  evaluator.SetItems(ConstMatrixView(impl.x.data(), {count, width}),
                     ConstMatrixView(impl.q.data(), {count, width}));
  return evaluator.ScoreImpressions(*impl.data.dataset, cases, impl.data.tasks,
                                    mode);
}

absl::StatusOr<double> Trainer::TaskMetric(std::span<const float> values,
                                           FusionMode mode) {
  const TrainingData& data = impl_->data;
  const auto cases = data.split->validation_impressions();
  if (cases.empty() || impl_->config().tasks.size() < 2) return 0;
  ATTUNE_ASSIGN_OR_RETURN(const TaskScores scores,
                          ScoreImpressions(values, cases, mode));
  const std::vector<TaskRow> rows = TaskRows("", *data.dataset, cases, scores);
  double sum = 0;
  for (const TaskRow& row : rows) sum += row.gauc;
  return rows.empty() ? 0 : sum / static_cast<double>(rows.size());
}

absl::StatusOr<std::vector<double>> Trainer::ValidateAmong(
    std::span<const float> values, std::span<const FusionChoice> choices,
    int rerank) {
  ATTUNE_ASSIGN_OR_RETURN(
      auto ranks, RankAmong(values, impl_->data.split->validation(), choices,
                            /*exclude_seen=*/true, rerank));
  std::vector<double> metrics;
  for (const std::vector<TargetRanks>& list : ranks) {
    double sum = 0;
    for (const TargetRanks& rank : list) sum += NdcgAt(rank.unseen, 10);
    metrics.push_back(list.empty() ? 0
                                   : sum / static_cast<double>(list.size()));
  }
  return metrics;
}

}  // namespace attune
