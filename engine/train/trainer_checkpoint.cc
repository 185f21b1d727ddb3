#include "engine/train/trainer_checkpoint.h"

#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/checkpoint.h"

namespace attune {

absl::Status SaveTrainerState(const std::string& path,
                              const std::string& identity,
                              const TrainerState& state) {
  const int64_t numbers[] = {state.stage, state.epoch, state.step,
                             state.stale_epochs};
  CheckpointWriter writer;
  writer.Add("identity", std::string_view(identity));
  writer.Add("numbers", std::string_view(reinterpret_cast<const char*>(numbers),
                                         sizeof(numbers)));
  writer.Add("best_metric",
             std::string_view(reinterpret_cast<const char*>(&state.best_metric),
                              sizeof(double)));
  writer.Add("values", std::span<const float>(state.values));
  writer.Add("best_values", std::span<const float>(state.best_values));
  writer.Add("average", std::span<const float>(state.average));
  writer.Add("first_moment", std::span<const float>(state.first_moment));
  writer.Add("second_moment", std::span<const float>(state.second_moment));
  return writer.Save(path);
}

absl::Status LoadTrainerState(const std::string& path,
                              const std::string& identity,
                              TrainerState& state) {
  absl::StatusOr<Checkpoint> checkpoint = Checkpoint::Load(path);
  if (absl::IsNotFound(checkpoint.status())) return absl::OkStatus();
  ATTUNE_RETURN_IF_ERROR(checkpoint.status());
  ATTUNE_ASSIGN_OR_RETURN(std::string_view saved,
                          checkpoint->Bytes("identity"));
  if (saved != identity) {
    return absl::FailedPreconditionError(
        StrCat(path, ": was made with other data or another configuration; ",
               "train without --resume to start anew"));
  }
  int64_t numbers[4];
  ATTUNE_ASSIGN_OR_RETURN(std::string_view bytes, checkpoint->Bytes("numbers"));
  ATTUNE_ASSIGN_OR_RETURN(std::string_view metric,
                          checkpoint->Bytes("best_metric"));
  if (bytes.size() != sizeof(numbers) || metric.size() != sizeof(double)) {
    return absl::DataLossError(StrCat(path, ": progress has a wrong size"));
  }
  std::memcpy(numbers, bytes.data(), sizeof(numbers));
  std::memcpy(&state.best_metric, metric.data(), sizeof(double));
  state.stage = static_cast<int>(numbers[0]);
  state.epoch = static_cast<int>(numbers[1]);
  state.step = numbers[2];
  state.stale_epochs = static_cast<int>(numbers[3]);
  ATTUNE_ASSIGN_OR_RETURN(state.values, checkpoint->Floats("values"));
  ATTUNE_ASSIGN_OR_RETURN(state.best_values, checkpoint->Floats("best_values"));
  ATTUNE_ASSIGN_OR_RETURN(state.average, checkpoint->Floats("average"));
  ATTUNE_ASSIGN_OR_RETURN(state.first_moment,
                          checkpoint->Floats("first_moment"));
  ATTUNE_ASSIGN_OR_RETURN(state.second_moment,
                          checkpoint->Floats("second_moment"));
  return absl::OkStatus();
}

}  // namespace attune
