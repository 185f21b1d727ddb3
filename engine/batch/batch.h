#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/batch/id_source.h"
#include "engine/engine.h"
#include "engine/rank/latency_histogram.h"
#include "proto/attune.pb.h"

namespace attune {

struct BatchOptions {
  /// JSON lines or TSV by its ending, with .gz compressed; see batch_line.h.
  std::string output_path;
  /// The same for every user; none: the engine retrieves them.
  std::vector<std::string> candidate_ids;
  uint32_t k = 10;       ///< items per user; 0: all candidates
  bool explain = false;  ///< reasons; JSON lines only
  std::string model;     ///< empty: the engine's current one
  v1::Policy policy;
  std::vector<v1::Feature> context;  ///< of every request; see RankRequest
  /// The time that every user is ranked at; 0: when the job began. One time for
  /// all, so that a resumed job ends with the same bytes.
  int64_t now_ms = 0;
  int threads = 1;
  /// Continue the unfinished output of an earlier call, if there is one.
  bool resume = false;
  /// Users ranked between two places where the job can be continued; with .gz
  /// also a gzip member. A resumed job keeps the number it began with.
  int chunk_users = 256;
  /// How often what was written is made safe; at the end always.
  int64_t commit_interval_ms = 1000;
  /// Let the engine use and keep users' encoded states. Off, since a kept state
  /// may change a score in its last bits, and so the output's bytes.
  bool use_kept_states = false;
  /// Set by another thread or a signal handler to stop; the job can be resumed.
  const std::atomic<bool>* cancelled = nullptr;
};

struct BatchProgress {
  int64_t users = 0;          ///< written, those of earlier calls included
  int64_t users_resumed = 0;  ///< of them, by earlier calls
  int64_t users_total = -1;   ///< -1: not known
  double seconds = 0;         ///< of this call
};

/// Called on the thread that called RunBatch, about once per chunk of users.
using BatchProgressFunction = std::function<void(const BatchProgress&)>;

struct BatchSummary {
  int64_t users = 0;
  int64_t users_resumed = 0;
  int64_t users_without_history = 0;
  int64_t items = 0;  ///< lines of the lists, over all users
  int64_t bytes = 0;  ///< of the output file
  std::string model;
  int64_t now_ms = 0;
  double seconds = 0;                 ///< of this call
  LatencyHistogram::Summary latency;  ///< per user, of this call
};

/// Ranks every user of `users` and writes a line for each, in their order, with
/// `threads` threads. Memory holds two chunks of lines, never the whole.
///
/// Until the end the output lies in `<output>.part` with a journal beside it;
/// after kill -9, an error or a cancellation, the same call with `resume`
/// continues there, and the final bytes are those of an uninterrupted job, as
/// long as the data is the same. The output then appears by an atomic rename.
///
/// Every request names the model version that answered the first, so that a
/// reload in between does not mix two.
///
/// InvalidArgument for options or ids that cannot be used; FailedPrecondition
/// where the options or users are not those that the output was begun with, or
/// another job writes it; Cancelled. An error of the engine names the user and
/// stops the job.
absl::StatusOr<BatchSummary> RunBatch(
    Engine& engine, IdSource& users, const BatchOptions& options,
    const BatchProgressFunction& progress = nullptr);

}  // namespace attune
