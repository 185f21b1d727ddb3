#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <span>
#include <string_view>

#include "absl/status/status.h"
#include "plugins/triton/triton_api.h"

namespace attune::triton {

/// What a request may hold; docs/triton.md says what each means.
enum class InputId {
  kRequest,
  kUserId,
  kCandidateIds,
  kCandidates,
  kHistoryIds,
  kHistoryActions,
  kHistoryTimesMs,
  kHistoryItems,
  kUserFeatures,
  kContext,
  kExcludeIds,
  kRequireCategories,
  kExcludeCategories,
  kK,
  kExplain,
  kNowMs,
  kDeadlineMs,
  kCount
};

/// What can be asked for.
enum class OutputId {
  kIds,
  kScores,
  kTasks,
  kTaskProbabilities,
  kTaskLogits,
  kReasons,
  kCandidateScores,
  kModel,
  kDegraded,
  kResponse,
  kCount
};

inline constexpr size_t kInputCount = static_cast<size_t>(InputId::kCount);
inline constexpr size_t kOutputCount = static_cast<size_t>(OutputId::kCount);

struct TensorSpec {
  const char* name;
  TritonDataType type;
  /// Of a row: "[1]" one value, "[-1]" a list, "[-1,-1]" a list of lists.
  std::string_view dims;
};

/// In the order of the ids.
std::span<const TensorSpec, kInputCount> InputSpecs();
std::span<const TensorSpec, kOutputCount> OutputSpecs();
const TensorSpec& SpecOf(InputId id);
const TensorSpec& SpecOf(OutputId id);
std::optional<InputId> FindInput(std::string_view name);
std::optional<OutputId> FindOutput(std::string_view name);

/// "TYPE_BYTES" and the like as config.pbtxt has them ("TYPE_STRING").
std::string_view ConfigTypeName(TritonDataType type);

/// Whether the inputs and outputs of a configuration are known ones of the
/// right type. InvalidArgument names the tensor.
absl::Status CheckTensors(const nlohmann::json& config);

/// Fills in all inputs, each optional, where a configuration has none, and all
/// outputs likewise. True if it changed something.
bool CompleteTensors(nlohmann::json* config);

}  // namespace attune::triton
