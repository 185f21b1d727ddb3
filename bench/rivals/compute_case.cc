#include "bench/rivals/compute_case.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <utility>

#include "attention/backend.h"
#include "attention/modules/row_ops.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/rivals/random_weights.h"
#include "engine/io/safetensors.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

std::vector<float> RandomMatrix(Rng& rng, int64_t rows, int64_t cols,
                                float deviation) {
  std::vector<float> values(static_cast<size_t>(rows * cols));
  for (float& value : values) {
    value = static_cast<float>(rng.Normal()) * deviation;
  }
  return values;
}

/// Item vectors have zero mean and unit variance.
std::vector<float> RandomItems(Rng& rng, int64_t rows, int64_t cols) {
  std::vector<float> values = RandomMatrix(rng, rows, cols, 1.0f);
  MatrixView view(values.data(), {rows, cols});
  StandardizeRows(view, view);
  return values;
}

absl::Status WriteWeights(const ModelConfig& config, Rng& rng,
                          const std::string& path) {
  const Network network(config);
  const std::vector<float> values = RandomWeights(network, rng);
  SafetensorsWriter writer;
  for (const Parameter& parameter : network.layout().list()) {
    ATTUNE_RETURN_IF_ERROR(writer.Add(
        parameter.name, {parameter.rows, parameter.cols},
        std::span(values).subspan(parameter.offset, parameter.size())));
  }
  return writer.Write(path);
}

absl::Status WriteInputs(const ModelConfig& config, int64_t candidates,
                         int64_t events, Rng& rng, const std::string& path) {
  const std::vector<float> x = RandomItems(rng, candidates, config.width);
  std::vector<float> dense =
      RandomMatrix(rng, candidates, config.dense_width, 1.0f);
  for (float& value : dense) value = std::clamp(value, -4.0f, 4.0f);
  const std::vector<float> history = RandomItems(rng, events, config.width);
  std::vector<float> action(events), age(events), clock(kClockFeatures);
  // From minutes to months: every time bucket that people's histories reach.
  double seconds = 60;
  for (int64_t i = events; i-- > 0;) {
    age[i] = static_cast<float>(std::floor(seconds));
    seconds += 10 + 7000 * rng.Uniform() * rng.Uniform();
    action[i] = static_cast<float>(rng.Below(config.actions.size()));
  }
  for (float& value : clock) {
    value = static_cast<float>(2 * rng.Uniform() - 1);
  }
  SafetensorsWriter writer;
  ATTUNE_RETURN_IF_ERROR(writer.Add("x", {candidates, config.width}, x));
  ATTUNE_RETURN_IF_ERROR(
      writer.Add("dense", {candidates, config.dense_width}, dense));
  ATTUNE_RETURN_IF_ERROR(
      writer.Add("history_x", {events, config.width}, history));
  ATTUNE_RETURN_IF_ERROR(writer.Add("history_action", {1, events}, action));
  ATTUNE_RETURN_IF_ERROR(writer.Add("history_age_s", {1, events}, age));
  ATTUNE_RETURN_IF_ERROR(writer.Add("clock", {1, kClockFeatures}, clock));
  return writer.Write(path);
}

}  // namespace

absl::Status ComputeCase::Write(const ModelConfig& config, int64_t candidates,
                                int64_t events, uint64_t seed,
                                const std::string& directory) {
  ATTUNE_RETURN_IF_ERROR(config.Validate());
  if (candidates < 1 || events < 1 || events > config.window ||
      config.actions.empty()) {
    return absl::InvalidArgumentError(
        StrCat(candidates, " candidates, ", events, " events and ",
               config.actions.size(), " actions: each must be at least 1, and ",
               "events at most the window ", config.window));
  }
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return absl::InternalError(StrCat(directory, ": ", error.message()));
  }
  Rng rng(seed);
  ATTUNE_RETURN_IF_ERROR(
      WriteTextFile(directory + "/config.json", config.ToJson()));
  ATTUNE_RETURN_IF_ERROR(
      WriteWeights(config, rng, directory + "/weights.safetensors"));
  return WriteInputs(config, candidates, events, rng,
                     StrCat(directory, "/", kInputsFile));
}

absl::StatusOr<std::unique_ptr<ComputeCase>> ComputeCase::Load(
    const std::string& directory, const std::string& precision) {
  const std::string path = directory + "/config.json";
  ATTUNE_ASSIGN_OR_RETURN(std::string json, ReadTextFile(path));
  ATTUNE_ASSIGN_OR_RETURN(ModelConfig config,
                          ModelConfig::FromJson(json, path));
  config.precision = precision;
  ATTUNE_RETURN_IF_ERROR(config.Validate());
  std::unique_ptr<ComputeCase> result(new ComputeCase(config));
  ATTUNE_ASSIGN_OR_RETURN(
      auto weights, SafetensorsFile::Open(directory + "/weights.safetensors"));
  result->values_.resize(static_cast<size_t>(result->network_.layout().size()));
  for (const Parameter& parameter : result->network_.layout().list()) {
    const int64_t shape[] = {parameter.rows, parameter.cols};
    ATTUNE_RETURN_IF_ERROR(
        weights->Read(parameter.name, shape,
                      std::span(result->values_)
                          .subspan(parameter.offset, parameter.size())));
  }
  ATTUNE_RETURN_IF_ERROR(
      result->ReadInputs(StrCat(directory, "/", kInputsFile)));
  ATTUNE_ASSIGN_OR_RETURN(auto backend, MakeBackend());
  absl::Status status;
  RunSerial([&] {
    status = [&]() -> absl::Status {
      ComputeCase& c = *result;
      ATTUNE_RETURN_IF_ERROR(c.network_.Prepare(*backend, /*training=*/false));
      ATTUNE_RETURN_IF_ERROR(c.network_.SetWeights(c.context_, c.values_));
      c.scorer_ = std::make_unique<Scorer>(c.network_, c.values_);
      // Stored with the items: not a part of the request.
      return c.network_.decoder().ProjectItems(c.context_, c.values_, c.x_,
                                               c.q_);
    }();
  });
  ATTUNE_RETURN_IF_ERROR(status);
  return absl::StatusOr<std::unique_ptr<ComputeCase>>(std::move(result));
}

absl::StatusOr<MatrixView> ComputeCase::ReadMatrix(const SafetensorsFile& file,
                                                   const std::string& name,
                                                   int64_t cols) {
  const TensorEntry* entry = file.Find(name);
  if (entry == nullptr || entry->shape.size() != 2 ||
      (cols >= 0 && entry->shape[1] != cols)) {
    return absl::InvalidArgumentError(StrCat(kInputsFile, ": no tensor \"",
                                             name, "\" of ", cols, " columns"));
  }
  auto data = std::make_unique<std::vector<float>>(
      static_cast<size_t>(entry->elements()));
  ATTUNE_RETURN_IF_ERROR(file.Read(name, entry->shape, *data));
  MatrixView view(data->data(), {entry->shape[0], entry->shape[1]});
  storage_.push_back(std::move(data));
  return view;
}

absl::Status ComputeCase::ReadInputs(const std::string& path) {
  const ModelConfig& config = network_.config();
  ATTUNE_ASSIGN_OR_RETURN(auto file, SafetensorsFile::Open(path));
  ATTUNE_ASSIGN_OR_RETURN(x_, ReadMatrix(*file, "x", config.width));
  ATTUNE_ASSIGN_OR_RETURN(dense_,
                          ReadMatrix(*file, "dense", config.dense_width));
  ATTUNE_ASSIGN_OR_RETURN(history_x_,
                          ReadMatrix(*file, "history_x", config.width));
  ATTUNE_ASSIGN_OR_RETURN(clock_, ReadMatrix(*file, "clock", kClockFeatures));
  const int64_t length = history_x_.rows();
  ATTUNE_ASSIGN_OR_RETURN(MatrixView action,
                          ReadMatrix(*file, "history_action", length));
  ATTUNE_ASSIGN_OR_RETURN(MatrixView age,
                          ReadMatrix(*file, "history_age_s", length));
  if (dense_.rows() != x_.rows() || length < 1 || length > config.window) {
    return absl::InvalidArgumentError(
        StrCat(path, ": ", x_.rows(), " candidates, features of ",
               dense_.rows(), ", ", length, " events, window ", config.window));
  }
  for (int64_t i = 0; i < length; ++i) {
    WindowEvent event;
    event.action = static_cast<int32_t>(action(0, i));
    if (event.action < 0 ||
        event.action >= static_cast<int64_t>(config.actions.size())) {
      return absl::InvalidArgumentError(StrCat(path, ": action ", event.action,
                                               " of ", config.actions.size()));
    }
    event.has_time = config.use_time;
    event.time_ms = kNowMs - 1000 * static_cast<int64_t>(age(0, i));
    events_.push_back(event);
  }
  storage_.push_back(std::make_unique<std::vector<float>>(x_.size()));
  q_ = MatrixView(storage_.back()->data(), {x_.rows(), x_.cols()});
  return absl::OkStatus();
}

absl::StatusOr<std::span<const float>> ComputeCase::Score(bool cold) {
  const ModelConfig& config = network_.config();
  context_.workspace.Reset();
  Workspace& workspace = context_.workspace;
  if (cold) state_.Reset(0, 0);
  const int64_t kept = state_.final_rows();
  RequestContext request;
  request.now_ms = kNowMs;
  request.has_time = config.use_time;
  request.clock = clock_.row_span(0);
  std::span<float> user = workspace.Allocate<float>(config.width);
  ATTUNE_ASSIGN_OR_RETURN(
      Scorer::Encoded encoded,
      scorer_->Encode(context_, state_, events_,
                      history_x_.rows_slice(kept, history_x_.rows() - kept),
                      request, user));
  const int64_t count = candidates();
  const int64_t tasks = static_cast<int64_t>(config.tasks.size());
  std::span<float> match = workspace.Allocate<float>(count);
  MatrixView fusion = workspace.Matrix(count, tasks);
  MatrixView logits = workspace.Matrix(tasks, count);
  scorer_->Match(user, x_, match);
  ATTUNE_RETURN_IF_ERROR(scorer_->Fuse(context_, state_, encoded, user,
                                       {x_, q_, dense_}, config.fusion_mode,
                                       fusion));
  scorer_->Logits(match, fusion, logits);
  return std::span<const float>(logits.row_span(0));
}

}  // namespace attune
