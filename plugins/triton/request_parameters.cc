#include "plugins/triton/request_parameters.h"

#include <simdjson.h>

#include <limits>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

/// A parameter as the server hands it out.
struct Given {
  std::string_view key;
  TritonParameterType type;
  const void* value;
};

absl::Status Wrong(const Given& given, std::string_view expected) {
  return absl::InvalidArgumentError(
      StrCat("request parameter \"", given.key, "\" must be ", expected));
}

absl::Status Read(const Given& given, std::optional<int64_t>* out) {
  if (given.type != kTritonIntParameter) return Wrong(given, "an integer");
  *out = *static_cast<const int64_t*>(given.value);
  return absl::OkStatus();
}

absl::Status Read(const Given& given, std::optional<bool>* out) {
  if (given.type != kTritonBoolParameter) return Wrong(given, "true or false");
  *out = *static_cast<const bool*>(given.value);
  return absl::OkStatus();
}

absl::Status Read(const Given& given, std::optional<double>* out) {
  if (given.type == kTritonDoubleParameter) {
    *out = *static_cast<const double*>(given.value);
  } else if (given.type == kTritonIntParameter) {
    *out = static_cast<double>(*static_cast<const int64_t*>(given.value));
  } else {
    return Wrong(given, "a number");
  }
  return absl::OkStatus();
}

absl::Status Read(const Given& given, std::optional<std::string>* out) {
  if (given.type != kTritonStringParameter) return Wrong(given, "a string");
  const std::string_view text = static_cast<const char*>(given.value);
  if (!simdjson::validate_utf8(text.data(), text.size())) {
    return Wrong(given, "UTF-8");
  }
  *out = text;
  return absl::OkStatus();
}

absl::Status Store(const Given& given, RequestParameters* out) {
  if (given.key == "k") return Read(given, &out->k);
  if (given.key == "now_ms") return Read(given, &out->now_ms);
  if (given.key == "deadline_ms") return Read(given, &out->deadline_ms);
  if (given.key == "explain") return Read(given, &out->explain);
  if (given.key == "exclude_seen") return Read(given, &out->exclude_seen);
  if (given.key == "include_unavailable") {
    return Read(given, &out->include_unavailable);
  }
  if (given.key == "without_state") return Read(given, &out->without_state);
  if (given.key == "diversity") return Read(given, &out->diversity);
  if (given.key == "model") return Read(given, &out->model);
  if (given.key == "value_formula") return Read(given, &out->value_formula);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<RequestParameters> RequestParameters::Read(
    TRITONBACKEND_Request* request) {
  RequestParameters parameters;
  uint32_t count = 0;
  ATTUNE_RETURN_IF_ERROR(
      FromTriton(TRITONBACKEND_RequestParameterCount(request, &count)));
  for (uint32_t i = 0; i < count; ++i) {
    const char* key = nullptr;
    Given given = {};
    ATTUNE_RETURN_IF_ERROR(FromTriton(TRITONBACKEND_RequestParameter(
        request, i, &key, &given.type, &given.value)));
    given.key = key;
    ATTUNE_RETURN_IF_ERROR(Store(given, &parameters));
  }
  return parameters;
}

absl::Status RequestParameters::Apply(v1::RankRequest* request) const {
  if (k.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(const uint32_t checked, CheckedK(*k));
    request->set_k(checked);
  }
  if (now_ms.has_value()) request->set_now_ms(*now_ms);
  if (deadline_ms.has_value()) request->set_deadline_ms(*deadline_ms);
  if (explain.has_value()) request->set_explain(*explain);
  if (without_state.has_value()) request->set_without_state(*without_state);
  if (model.has_value()) request->set_model(*model);
  if (exclude_seen.has_value()) {
    request->mutable_policy()->set_exclude_seen(*exclude_seen);
  }
  if (include_unavailable.has_value()) {
    request->mutable_policy()->set_include_unavailable(*include_unavailable);
  }
  if (diversity.has_value()) {
    request->mutable_policy()->set_diversity(static_cast<float>(*diversity));
  }
  if (value_formula.has_value()) {
    request->mutable_policy()->set_value_formula(*value_formula);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> CheckedK(int64_t k) {
  if (k < 0 || k > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        StrCat("k is ", k, ", must be 0 (all) to ",
               std::numeric_limits<uint32_t>::max()));
  }
  return static_cast<uint32_t>(k);
}

}  // namespace attune::triton
