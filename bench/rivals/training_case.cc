#include "bench/rivals/training_case.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/rivals/random_weights.h"
#include "bench/rivals/training_tensors.h"
#include "engine/io/safetensors.h"
#include "engine/io/text_file.h"
#include "engine/train/item_pass.h"
#include "engine/train/random_stream.h"
#include "storage/database.h"

namespace attune {
namespace {

// What would make a step that PyTorch cannot repeat.
absl::Status CheckRepeatable(const TrainOptions& options) {
  const std::pair<const char*, float> rates[] = {
      {"dropout", options.dropout},
      {"id_dropout", options.id_dropout},
      {"event_dropout", options.event_dropout},
      {"target_skip", options.target_skip},
      {"decoder_dropout", options.decoder_dropout},
      {"decoder_match_dropout", options.decoder_match_dropout},
      {"new_item_dropout", options.new_item_dropout},
      {"fusion_z_dropout", options.fusion_z_dropout}};
  for (const auto& [name, rate] : rates) {
    if (rate == 0) continue;
    return absl::FailedPreconditionError(
        StrCat("training.", name, " is ", rate,
               ", gradients are compared with 0 only"));
  }
  return absl::OkStatus();
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (!error) return absl::OkStatus();
  return absl::InternalError(StrCat(directory, ": ", error.message()));
}

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingCase>> TrainingCase::Open(
    const std::string& database, const std::string& config_path, int threads) {
  ATTUNE_ASSIGN_OR_RETURN(std::string json, ReadTextFile(config_path));
  ATTUNE_ASSIGN_OR_RETURN(TrainConfig config,
                          ParseTrainConfig(json, config_path));
  config.training.threads = threads;
  std::unique_ptr<TrainingCase> result(new TrainingCase(config, threads));
  TrainingCase& c = *result;
  storage::OpenOptions open;
  open.path = database;
  open.mode = storage::OpenOptions::Mode::kFollower;
  ATTUNE_ASSIGN_OR_RETURN(auto rows, storage::Database::Open(open));
  SplitOptions split;
  split.min_positives = config.training.min_positives;
  const ExecutionContext context;
  ATTUNE_ASSIGN_OR_RETURN(c.set_, LoadTrainingSet(*rows, split, config.training,
                                                  nullptr, context, c.pool_));
  FitConfig(*c.set_, c.config_.model);
  ATTUNE_RETURN_IF_ERROR(c.config_.model.Validate());
  ATTUNE_RETURN_IF_ERROR(c.Prepare());
  return absl::StatusOr<std::unique_ptr<TrainingCase>>(std::move(result));
}

absl::Status TrainingCase::Prepare() {
  const TrainOptions& options = config_.training;
  data_ = set_->DataFor(config_.model);
  ATTUNE_ASSIGN_OR_RETURN(backend_, MakeBackend());
  network_ = std::make_unique<Network>(config_.model);
  ATTUNE_ASSIGN_OR_RETURN(batches_,
                          SequenceBatches::Create(*data_.dataset, *data_.split,
                                                  config_.model, options));
  match_ = std::make_unique<MatchStage>(*network_, data_, options);
  decoder_ = std::make_unique<DecoderStage>(*network_, data_, options);
  absl::Status status;
  RunSerial([&] {
    status = network_->Prepare(*backend_, /*training=*/true);
    if (status.ok()) status = match_->Prepare(*backend_);
  });
  ATTUNE_RETURN_IF_ERROR(status);
  const ParameterLayout& layout = network_->layout();
  ATTUNE_ASSIGN_OR_RETURN(
      update_, WeightUpdate::Create(layout, options, decoder_->first_value(),
                                    batches_->steps_per_epoch()));
  const size_t size = static_cast<size_t>(layout.size());
  shards_ = std::vector<TrainingShard>(options.threads);
  for (TrainingShard& shard : shards_) shard.gradients.assign(size, 0.0f);
  state_.values.resize(size);
  Rng rng(StreamSeed(options.seed, 0, 0, RandomUse::kWeights));
  layout.Initialize(rng, state_.values);
  state_.first_moment.assign(size, 0.0f);
  state_.second_moment.assign(size, 0.0f);
  if (options.average_decay > 0) state_.average = state_.values;
  return SetWeights();
}

absl::Status TrainingCase::SetWeights() {
  absl::Status status;
  RunSerial([&] {
    Workspace::Scope scope(shards_[0].context.workspace);
    status = network_->SetWeights(shards_[0].context, state_.values);
  });
  return status;
}

absl::StatusOr<TrainingCase::Progress> TrainingCase::Train(int64_t steps) {
  Progress progress;
  const int64_t start = MonotonicNs();
  for (; progress.steps < steps; ++progress.steps) {
    if (next_batch_ == epoch_.size()) {
      // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
      epoch_ = batches_->Epoch(0, state_.epoch++);
      next_batch_ = 0;
    }
    const SequenceBatches::Batch& batch = epoch_[next_batch_++];
    ATTUNE_ASSIGN_OR_RETURN(
        const double loss,
        match_->Run(batch, state_.step, state_.values, shards_, pool_));
    // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
    ATTUNE_RETURN_IF_ERROR(update_->Apply(shards_, pool_, state_));
    ATTUNE_RETURN_IF_ERROR(SetWeights());
    progress.loss += loss;
    for (const TrainingSequence& piece : batch) progress.rows += piece.rows();
  }
  progress.ns = MonotonicNs() - start;
  progress.loss /= static_cast<double>(std::max<int64_t>(steps, 1));
  return progress;
}

absl::Status TrainingCase::WriteModel(const std::string& directory) const {
  ATTUNE_RETURN_IF_ERROR(MakeDirectory(directory));
  ATTUNE_RETURN_IF_ERROR(
      WriteTextFile(directory + "/config.json", config_.model.ToJson()));
  ATTUNE_RETURN_IF_ERROR(WriteTextFile(directory + "/training.json",
                                       config_.training.ToJson() + "\n"));
  ATTUNE_RETURN_IF_ERROR(
      WriteItemTensors(*set_->catalogue, directory + "/items.safetensors"));
  return WriteParameters(*network_, state_.values,
                         directory + "/weights.safetensors");
}

absl::Status TrainingCase::Export(const std::string& directory) const {
  ATTUNE_RETURN_IF_ERROR(WriteModel(directory));
  // Every piece once.
  std::vector<int32_t> active(static_cast<size_t>(set_->split->item_count()));
  for (size_t i = 0; i < active.size(); ++i) {
    active[i] = static_cast<int32_t>(i);
  }
  std::vector<TrainingShard> all(1);
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
  for (const SequenceBatches::Batch& batch : batches_->Epoch(0, 0)) {
    for (const TrainingSequence& piece : batch) {
      all[0].rows.Add(*network_, piece, active, data_.actions,
                      data_.action_weights);
    }
  }
  return WriteRowTensors(all, /*with_groups=*/false,
                         directory + "/rows.safetensors");
}

absl::Status TrainingCase::WriteSums(int64_t begin, int64_t end, double loss,
                                     const std::string& path) {
  ReduceGradients(begin, end, shards_, pool_);
  const float loss_value = static_cast<float>(loss);
  SafetensorsWriter writer;
  ATTUNE_RETURN_IF_ERROR(writer.Add("loss", {1, 1}, {&loss_value, 1}));
  const std::span<const float> sums(shards_[0].gradients);
  for (const Parameter& parameter : network_->layout().list()) {
    if (parameter.offset < begin || parameter.offset >= end) continue;
    ATTUNE_RETURN_IF_ERROR(
        writer.Add(parameter.name, {parameter.rows, parameter.cols},
                   sums.subspan(parameter.offset, parameter.size())));
  }
  return writer.Write(path);
}

absl::Status TrainingCase::WriteMatch(const std::string& directory) {
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
  const SequenceBatches::Batch batch = batches_->Epoch(0, 0).front();
  ATTUNE_ASSIGN_OR_RETURN(const double loss,
                          match_->Run(batch, 0, state_.values, shards_, pool_));
  ATTUNE_RETURN_IF_ERROR(WriteRowTensors(shards_, /*with_groups=*/false,
                                         directory + "/match.safetensors"));
  return WriteSums(0, decoder_->first_value(), loss,
                   directory + "/match_gradients.safetensors");
}

absl::Status TrainingCase::WriteDecoder(const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(
      std::vector<float> x,
      ItemPass::EncodeTwice(pool_, *network_, state_.values, *set_->catalogue));
  decoder_->SetItems(std::move(x));
  // NOLINTNEXTLINE(bugprone-unchecked-optional-access): Prepare made it
  const SequenceBatches::Batch batch = batches_->Epoch(1, 0).front();
  ATTUNE_ASSIGN_OR_RETURN(
      const double loss,
      decoder_->Run(batch, 0, state_.values, shards_, pool_));
  ATTUNE_RETURN_IF_ERROR(WriteRowTensors(shards_, /*with_groups=*/true,
                                         directory + "/decoder.safetensors"));
  return WriteSums(decoder_->first_value(), network_->layout().size(), loss,
                   directory + "/decoder_gradients.safetensors");
}

absl::Status TrainingCase::WriteGradients(uint64_t seed,
                                          const std::string& directory) {
  ATTUNE_RETURN_IF_ERROR(CheckRepeatable(config_.training));
  Rng rng(seed);
  state_.values = RandomWeights(*network_, rng);
  ATTUNE_RETURN_IF_ERROR(SetWeights());
  ATTUNE_RETURN_IF_ERROR(WriteModel(directory));
  ATTUNE_RETURN_IF_ERROR(WriteMatch(directory));
  if (config_.training.decoder_epochs == 0) return absl::OkStatus();
  return WriteDecoder(directory);
}

}  // namespace attune
