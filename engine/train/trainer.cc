#include "engine/train/trainer.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/decoder_stage.h"
#include "engine/train/match_stage.h"
#include "engine/train/network_evaluator.h"
#include "engine/train/random_stream.h"
#include "engine/train/sequence_batches.h"
#include "engine/train/training_shard.h"
#include "engine/train/weight_update.h"

namespace attune {
namespace {

// Candidates that an epoch's validation puts through the fusion: enough to tell
// epochs apart. All of them, as in serving, would take longer than the
// training.
constexpr int kEpochRerank = 256;

constexpr int kStages = 2;

}  // namespace

struct Trainer::Impl {
  Impl(const ModelConfig& config, const TrainOptions& train_options,
       TrainingData training_data, SequenceBatches sequence_batches,
       ThreadPool& thread_pool)
      : options(train_options),
        data(std::move(training_data)),
        pool(thread_pool),
        network(config),
        batches(std::move(sequence_batches)),
        match(network, data, options),
        decoder(network, data, options),
        evaluator(config, data, pool),
        shards(train_options.threads) {}

  absl::Status Prepare(const Backend& backend);
  std::vector<float> InitialValues() const;
  absl::Status Begin(TrainerState& state);
  absl::Status BeginStage(TrainerState& state);
  absl::StatusOr<EpochReport> RunEpoch(TrainerState& state);
  absl::StatusOr<double> Step(const SequenceBatches::Batch& batch,
                              TrainerState& state);
  struct Metrics {
    double ndcg = 0, gauc = 0;  // as in EpochReport
    double sum() const { return ndcg + gauc; }
  };
  absl::StatusOr<Metrics> Metric(const TrainerState& state);
  absl::Status SetTrainingWeights(std::span<const float> values);
  static void EndStage(TrainerState& state);

  int epochs(const TrainerState& state) const {
    return state.stage == 1 ? options.decoder_epochs : options.epochs;
  }
  int patience(const TrainerState& state) const {
    return state.stage == 1 ? options.decoder_patience : options.patience;
  }

  TrainOptions options;
  TrainingData data;
  ThreadPool& pool;
  Network network;  // prepared for training
  SequenceBatches batches;
  MatchStage match;
  DecoderStage decoder;
  NetworkEvaluator evaluator;
  std::vector<TrainingShard> shards;
  std::optional<WeightUpdate> update;  // made by Prepare
};

Trainer::Trainer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Trainer::~Trainer() = default;
const Network& Trainer::network() const { return impl_->evaluator.network(); }
std::vector<float> Trainer::InitialValues() const {
  return impl_->InitialValues();
}

absl::StatusOr<std::unique_ptr<Trainer>> Trainer::Create(
    const ModelConfig& config, const TrainOptions& options,
    const Backend& backend, TrainingData data, ThreadPool& pool) {
  ATTUNE_RETURN_IF_ERROR(config.Validate());
  ATTUNE_RETURN_IF_ERROR(options.Validate());
  if (options.threads == 0) {
    return absl::InvalidArgumentError(
        "training.threads is 0: say how many shards a step has");
  }
  ATTUNE_ASSIGN_OR_RETURN(SequenceBatches batches,
                          SequenceBatches::Create(*data.dataset, *data.split,
                                                  config, options, data.since));
  auto impl = std::make_unique<Impl>(config, options, std::move(data),
                                     std::move(batches), pool);
  ATTUNE_RETURN_IF_ERROR(impl->Prepare(backend));
  return std::unique_ptr<Trainer>(new Trainer(std::move(impl)));
}

absl::Status Trainer::Impl::Prepare(const Backend& backend) {
  absl::Status status;
  RunSerial([&] {
    status = network.Prepare(backend, /*training=*/true);
    if (status.ok()) status = evaluator.Prepare(backend);
    if (status.ok()) status = match.Prepare(backend);
  });
  ATTUNE_RETURN_IF_ERROR(status);
  const int64_t size = network.layout().size();
  for (TrainingShard& shard : shards) shard.gradients.assign(size, 0.0f);
  ATTUNE_ASSIGN_OR_RETURN(
      update,
      WeightUpdate::Create(network.layout(), options, decoder.first_value(),
                           batches.steps_per_epoch()));
  return absl::OkStatus();
}

std::vector<float> Trainer::Impl::InitialValues() const {
  std::vector<float> values(static_cast<size_t>(network.layout().size()));
  Rng rng(StreamSeed(options.seed, 0, 0, RandomUse::kWeights));
  network.layout().Initialize(rng, values);
  return values;
}

absl::Status Trainer::Impl::Begin(TrainerState& state) {
  const size_t size = static_cast<size_t>(network.layout().size());
  if (state.values.empty()) state.values = InitialValues();
  if (state.best_values.empty()) {
    state.best_values = state.values;
    state.first_moment.assign(size, 0.0f);
    state.second_moment.assign(size, 0.0f);
  }
  if (state.values.size() != size) {
    return absl::InvalidArgumentError(
        StrCat("checkpoint holds ", state.values.size(),
               " parameters, the configuration needs ", size));
  }
  return absl::OkStatus();
}

absl::Status Trainer::Impl::BeginStage(TrainerState& state) {
  ATTUNE_RETURN_IF_ERROR(SetTrainingWeights(state.values));
  if (state.stage == 1) {
    ATTUNE_ASSIGN_OR_RETURN(std::vector<float> x,
                            evaluator.EncodeItemsTwice(state.values));
    decoder.SetItems(std::move(x));
  }
  if (options.average_decay > 0 && state.average.empty()) {
    state.average = state.values;
  }
  if (state.continued && state.epoch == 0 && epochs(state) > 0) {
    ATTUNE_ASSIGN_OR_RETURN(const Metrics metrics, Metric(state));
    state.best_metric = metrics.sum();
  }
  return absl::OkStatus();
}

absl::StatusOr<double> Trainer::Impl::Step(const SequenceBatches::Batch& batch,
                                           TrainerState& state) {
  ATTUNE_ASSIGN_OR_RETURN(
      const double loss,
      state.stage == 1
          ? decoder.Run(batch, state.step, state.values, shards, pool)
          : match.Run(batch, state.step, state.values, shards, pool));
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
  ATTUNE_RETURN_IF_ERROR(update->Apply(shards, pool, state));
  ATTUNE_RETURN_IF_ERROR(SetTrainingWeights(state.values));
  if (data.cancelled.IsSet()) return absl::CancelledError("stopped");
  return loss;
}

absl::Status Trainer::Impl::SetTrainingWeights(std::span<const float> values) {
  absl::Status status;
  RunSerial([&] {
    Workspace::Scope scope(shards[0].context.workspace);
    status = network.SetWeights(shards[0].context, values);
  });
  return status;
}

// Of the weights that the stage would keep now.
absl::StatusOr<Trainer::Impl::Metrics> Trainer::Impl::Metric(
    const TrainerState& state) {
  // More than there are says that the match term must not choose.
  const bool all = options.rerank > data.split->item_count();
  const int among =
      all ? options.rerank : std::min(options.rerank, kEpochRerank);
  const std::vector<float>& tested =
      state.average.empty() ? state.values : state.average;
  const FusionChoice choice =
      state.stage == 1 ? FusionChoice{FusionMode::kFull, 1.0f} : FusionChoice{};
  ATTUNE_ASSIGN_OR_RETURN(
      const std::vector<double> ndcg,
      evaluator.ValidationNdcg(tested, {&choice, 1}, among));
  Metrics metrics{.ndcg = ndcg[0]};
  if (state.stage == 1) {
    ATTUNE_ASSIGN_OR_RETURN(metrics.gauc,
                            evaluator.TaskMetric(tested, choice.mode));
  }
  return metrics;
}

absl::StatusOr<EpochReport> Trainer::Impl::RunEpoch(TrainerState& state) {
  const int64_t start = MonotonicNs();
  double loss = 0;
  int64_t tokens = 0, steps = 0;
  for (const SequenceBatches::Batch& batch :
       batches.Epoch(state.stage, state.epoch)) {
    ATTUNE_ASSIGN_OR_RETURN(const double of_step, Step(batch, state));
    loss += of_step;
    ++steps;
    for (const TrainingSequence& piece : batch) {
      tokens += piece.rows();
    }
  }
  const double seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
  ATTUNE_ASSIGN_OR_RETURN(const Metrics metrics, Metric(state));
  ++state.epoch;
  if (metrics.sum() > state.best_metric) {
    state.best_metric = metrics.sum();
    state.best_values = state.average.empty() ? state.values : state.average;
    state.stale_epochs = 0;
  } else {
    ++state.stale_epochs;
  }
  EpochReport report;
  report.stage = state.stage;
  report.epoch = state.epoch;
  report.epochs_left = epochs(state) - state.epoch;
  report.loss = loss / static_cast<double>(std::max<int64_t>(steps, 1));
  report.ndcg = metrics.ndcg;
  report.gauc = metrics.gauc;
  report.metric = metrics.sum();
  report.best_metric = state.best_metric;
  report.seconds = static_cast<double>(MonotonicNs() - start) * 1e-9;
  report.tokens_per_second = static_cast<double>(tokens) / seconds;
  return report;
}

// The next stage stands on the best of this one.
void Trainer::Impl::EndStage(TrainerState& state) {
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

absl::Status Trainer::Run(TrainerState& state, const EpochFunction& on_epoch) {
  Impl& impl = *impl_;
  ATTUNE_RETURN_IF_ERROR(impl.Begin(state));
  while (state.stage < kStages) {
    ATTUNE_RETURN_IF_ERROR(impl.BeginStage(state));
    while (state.epoch < impl.epochs(state) &&
           state.stale_epochs < impl.patience(state)) {
      ATTUNE_ASSIGN_OR_RETURN(const EpochReport report, impl.RunEpoch(state));
      ATTUNE_RETURN_IF_ERROR(on_epoch(report, state));
    }
    Impl::EndStage(state);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<double>> Trainer::Validate(
    std::span<const float> values, std::span<const FusionChoice> choices) {
  return impl_->evaluator.ValidationNdcg(values, choices,
                                         impl_->options.rerank);
}

absl::StatusOr<std::vector<TargetRanks>> Trainer::TestRanks(
    std::span<const float> values, const FusionChoice& choice) {
  return impl_->evaluator.TestRanks(values, choice, impl_->options.rerank);
}

absl::StatusOr<TaskScores> Trainer::ScoreImpressions(
    std::span<const float> values, std::span<const ImpressionCase> cases,
    FusionMode mode) {
  return impl_->evaluator.ScoreImpressions(values, cases, mode);
}

absl::StatusOr<double> Trainer::TaskMetric(std::span<const float> values,
                                           FusionMode mode) {
  return impl_->evaluator.TaskMetric(values, mode);
}

}  // namespace attune
