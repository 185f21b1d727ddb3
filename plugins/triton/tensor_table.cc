#include "plugins/triton/tensor_table.h"

#include <array>
#include <nlohmann/json.hpp>
#include <string>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::triton {
namespace {

using Json = nlohmann::json;

constexpr std::array<TensorSpec, kInputCount> kInputs = {{
    {"REQUEST", kTritonBytes, "[1]"},
    {"USER_ID", kTritonBytes, "[1]"},
    {"CANDIDATE_IDS", kTritonBytes, "[-1]"},
    {"CANDIDATES", kTritonBytes, "[-1]"},
    {"HISTORY_IDS", kTritonBytes, "[-1]"},
    {"HISTORY_ACTIONS", kTritonBytes, "[-1]"},
    {"HISTORY_TIMES_MS", kTritonInt64, "[-1]"},
    {"HISTORY_ITEMS", kTritonBytes, "[-1]"},
    {"USER_FEATURES", kTritonBytes, "[1]"},
    {"CONTEXT", kTritonBytes, "[1]"},
    {"EXCLUDE_IDS", kTritonBytes, "[-1]"},
    {"REQUIRE_CATEGORIES", kTritonBytes, "[-1]"},
    {"EXCLUDE_CATEGORIES", kTritonBytes, "[-1]"},
    {"K", kTritonInt32, "[1]"},
    {"EXPLAIN", kTritonBool, "[1]"},
    {"NOW_MS", kTritonInt64, "[1]"},
    {"DEADLINE_MS", kTritonInt64, "[1]"},
}};

constexpr std::array<TensorSpec, kOutputCount> kOutputs = {{
    {"IDS", kTritonBytes, "[-1]"},
    {"SCORES", kTritonFp64, "[-1]"},
    {"TASKS", kTritonBytes, "[-1]"},
    {"TASK_PROBABILITIES", kTritonFp64, "[-1,-1]"},
    {"TASK_LOGITS", kTritonFp64, "[-1,-1]"},
    {"REASONS", kTritonBytes, "[-1]"},
    {"CANDIDATE_SCORES", kTritonFp32, "[-1]"},
    {"MODEL", kTritonBytes, "[1]"},
    {"DEGRADED", kTritonBytes, "[1]"},
    {"RESPONSE", kTritonBytes, "[1]"},
}};

template <typename Id, size_t N>
std::optional<Id> Find(const std::array<TensorSpec, N>& specs,
                       std::string_view name) {
  for (size_t i = 0; i < N; ++i) {
    if (specs[i].name == name) return static_cast<Id>(i);
  }
  return std::nullopt;
}

template <size_t N>
std::string Names(const std::array<TensorSpec, N>& specs) {
  std::string names;
  for (const TensorSpec& spec : specs) {
    names += StrCat(names.empty() ? "" : ", ", spec.name);
  }
  return names;
}

template <typename Id, size_t N>
absl::Status CheckKind(const Json& config, const std::string& kind,
                       const std::array<TensorSpec, N>& specs) {
  const auto tensors = config.find(kind);
  if (tensors == config.end()) return absl::OkStatus();
  for (const Json& tensor : *tensors) {
    const std::string name = tensor.value("name", "");
    const std::optional<Id> id = Find<Id>(specs, name);
    if (!id.has_value()) {
      return absl::InvalidArgumentError(StrCat(
          kind, " \"", name, "\" is unknown; there are: ", Names(specs)));
    }
    const std::string_view type = ConfigTypeName(SpecOf(*id).type);
    const std::string given = tensor.value("data_type", "");
    if (given != type) {
      return absl::InvalidArgumentError(
          StrCat(kind, " \"", name, "\" is ", given, ", must be ", type));
    }
  }
  return absl::OkStatus();
}

template <size_t N>
bool CompleteKind(const std::array<TensorSpec, N>& specs,
                  const std::string& kind, bool batched, Json* config) {
  Json& tensors = (*config)[kind];
  if (tensors.is_array() && !tensors.empty()) return false;
  tensors = Json::array();
  for (const TensorSpec& spec : specs) {
    Json tensor = {{"name", spec.name},
                   {"data_type", ConfigTypeName(spec.type)},
                   {"dims", Json::parse(spec.dims)}};
    if (kind == "input") {
      tensor["optional"] = true;
      // Lists of different lengths may be batched, for nothing is put together.
      if (batched) tensor["allow_ragged_batch"] = true;
    }
    tensors.push_back(std::move(tensor));
  }
  return true;
}

}  // namespace

std::span<const TensorSpec, kInputCount> InputSpecs() { return kInputs; }
std::span<const TensorSpec, kOutputCount> OutputSpecs() { return kOutputs; }
const TensorSpec& SpecOf(InputId id) {
  return kInputs[static_cast<size_t>(id)];
}
const TensorSpec& SpecOf(OutputId id) {
  return kOutputs[static_cast<size_t>(id)];
}
std::optional<InputId> FindInput(std::string_view name) {
  return Find<InputId>(kInputs, name);
}
std::optional<OutputId> FindOutput(std::string_view name) {
  return Find<OutputId>(kOutputs, name);
}

std::string_view ConfigTypeName(TritonDataType type) {
  switch (type) {
    case kTritonBool:
      return "TYPE_BOOL";
    case kTritonInt32:
      return "TYPE_INT32";
    case kTritonInt64:
      return "TYPE_INT64";
    case kTritonFp32:
      return "TYPE_FP32";
    case kTritonFp64:
      return "TYPE_FP64";
    case kTritonBytes:
      return "TYPE_STRING";
    case kTritonInvalidType:
      break;
  }
  return "TYPE_INVALID";
}

absl::Status CheckTensors(const Json& config) {
  ATTUNE_RETURN_IF_ERROR(CheckKind<InputId>(config, "input", kInputs));
  return CheckKind<OutputId>(config, "output", kOutputs);
}

bool CompleteTensors(Json* config) {
  const bool batched = config->value("max_batch_size", 0) > 0;
  const bool inputs = CompleteKind(kInputs, "input", batched, config);
  const bool outputs = CompleteKind(kOutputs, "output", batched, config);
  return inputs || outputs;
}

}  // namespace attune::triton
