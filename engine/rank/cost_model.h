#pragma once

#include <atomic>
#include <cstdint>

#include "engine/rank/ranker.h"
#include "engine/rank/service_plan.h"

namespace attune {

/// What requests to one model cost on this machine now: running means of what
/// they took, an eighth of it the last one. Recording is a few relaxed atomic
/// operations; two that meet may lose one measurement. Thread-safe.
class CostModel {
 public:
  CostModel() = default;
  explicit CostModel(const RequestCosts& start);

  /// A request took `ns` until its user was ready, `rows` being encoded.
  void NoteUser(int64_t rows, int64_t ns);
  void NoteRead(int64_t candidates, int64_t ns);
  void NoteFusion(int64_t candidates, int64_t ns);
  void NoteRetrieval(int64_t ns);

  RequestCosts costs() const;

 private:
  using Mean = std::atomic<double>;
  Mean fixed_ = 0, encoded_row_ = 0, read_candidate_ = 0, fused_candidate_ = 0,
       retrieval_ = 0;
};

/// Starting values, measured on made-up requests that need no item: a model is
/// asked for its costs before its first request. Takes about as long as four
/// cold requests. What depends on a catalogue is a guess.
absl::StatusOr<RequestCosts> MeasureCosts(const Ranker& ranker);

}  // namespace attune
