#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "absl/status/statusor.h"

namespace attune::triton {

/// What one Triton model's config.pbtxt and folder ask for.
struct ModelOptions {
  std::string name;
  /// Whether tensors have a leading batch dimension (max_batch_size above 0).
  bool batched = false;
  /// Defaults of requests that do not say.
  uint32_t k = 0;
  bool explain = false;
  /// Requests of one Execute that run side by side.
  int parallel_requests = 1;

  std::string database;  ///< absolute, as canonical as it goes
  bool owner = false;
  /// A model directory to serve; empty: the database's current model.
  std::string model_directory;
  /// The object for attune_open, without "model" if `owner`: an owner publishes
  /// the model instead, so that one handle can outlive it.
  std::string open_json;
};

/// Reads a model's configuration (Triton's JSON form of config.pbtxt).
/// `folder` is the model's in the repository, which relative paths start from;
/// `version` names the version's folder in it: a model directory of Attune
/// there is the one to serve. InvalidArgument names the parameter.
absl::StatusOr<ModelOptions> ReadModelOptions(const nlohmann::json& config,
                                              const std::string& folder,
                                              uint64_t version);

}  // namespace attune::triton
