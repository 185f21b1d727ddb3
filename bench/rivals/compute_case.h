#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/execution_context.h"
#include "engine/model/network.h"
#include "engine/model/scorer.h"
#include "engine/model/user_state.h"

namespace attune {

/// One workload, compute only: a network and one request's inputs (item
/// vectors, features and history given), from a directory of
///   config.json, weights.safetensors   as in a model directory
///   inputs.safetensors                 see kInputsFile
/// Times what Scorer does between the read rows and the scores, by the
/// product's own code. Not thread-safe. Enter Score() through RunSerial().
class ComputeCase {
 public:
  /// Tensors: `x` [C, D] candidates, `dense` [C, F], `history_x` [T, D],
  /// `history_action` [1, T], `history_age_s` [1, T] seconds before the
  /// request, oldest first, `clock` [1, 5].
  static constexpr char kInputsFile[] = "inputs.safetensors";
  /// The time of the request.
  static constexpr int64_t kNowMs = 1'700'000'000'000;

  /// `precision` f32 or bf16 overrides the configuration's. Prepares the
  /// network and the candidates' stored projections.
  static absl::StatusOr<std::unique_ptr<ComputeCase>> Load(
      const std::string& directory, const std::string& precision);

  /// Writes such a directory with random weights and inputs: parameters that
  /// start at zero (biases, the last fusion layer) get small random numbers, so
  /// that every one of them shows in the scores.
  static absl::Status Write(const ModelConfig& config, int64_t candidates,
                            int64_t events, uint64_t seed,
                            const std::string& directory);

  int64_t candidates() const { return x_.rows(); }

  /// The request: encodes the whole history (`cold`) or only its newest row
  /// (needs a Score before), then logit "next" of every candidate: scores [C],
  /// valid until the next call.
  absl::StatusOr<std::span<const float>> Score(bool cold);

 private:
  explicit ComputeCase(const ModelConfig& config)
      : network_(config), state_(config) {}
  absl::Status ReadInputs(const std::string& path);
  absl::StatusOr<MatrixView> ReadMatrix(const class SafetensorsFile& file,
                                        const std::string& name, int64_t cols);

  Network network_;
  UserState state_;
  std::vector<float> values_;
  std::unique_ptr<Scorer> scorer_;
  ExecutionContext context_;
  std::vector<std::unique_ptr<std::vector<float>>> storage_;
  std::vector<WindowEvent> events_;
  MatrixView x_, q_, dense_, history_x_, clock_;
};

}  // namespace attune
