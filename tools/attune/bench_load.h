#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "base/stage_clock.h"
#include "engine/engine.h"
#include "engine/rank/latency_histogram.h"
#include "proto/attune.pb.h"

namespace attune {

/// What one kind of requests took. Recording is thread-safe.
struct BenchSamples {
  LatencyHistogram latency;  ///< open loop: from the arrival
  LatencyHistogram service;  ///< from the call; in a closed loop the same
  std::array<std::atomic<int64_t>, kRequestStages> stage_ns = {};
  std::atomic<int64_t> warm{0};  ///< answers that say so
  int64_t wall_ns = 0;           ///< of the whole run

  void Record(int64_t latency_ns, int64_t service_ns, const StageTimes& stages,
              bool warm_answer);
};

/// Closed loop: `threads` callers, each of whom sends its next request when it
/// has the answer to the last one; all requests once. The first error ends it.
/// `samples` may be null.
absl::Status RunClosedLoop(Engine& engine,
                           std::span<const v1::RankRequest> requests,
                           int threads, BenchSamples* samples);

/// When requests arrive in an open loop.
struct BenchArrivals {
  double per_second = 0;
  bool poisson = true;  ///< else equally spaced
  uint64_t seed = 1;
};

/// Open loop: requests arrive on a schedule that no answer holds up, `rounds`
/// times through all of them. Whichever of the `threads` callers is free takes
/// the next; a request that finds none free waits, and its latency is counted
/// from its arrival, so that a slow answer costs those behind it, too (what
/// closed loops hide: "coordinated omission"). `cold` and `warm` take the
/// requests by what the answer says; wall_ns is set in both.
absl::Status RunOpenLoop(Engine& engine,
                         std::span<const v1::RankRequest> requests, int rounds,
                         const BenchArrivals& arrivals, int threads,
                         BenchSamples& warm, BenchSamples& cold);

}  // namespace attune
