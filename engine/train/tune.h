#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/train/options.h"
#include "engine/train/search_space.h"

namespace attune {

/// Successive halving over random draws (Jamieson and Talwalkar 2016): all
/// trials train for a part of the epochs, the best third for three times as
/// many, and so on, up to all of them. Trial 0 is the base configuration.
struct TuneOptions {
  /// A configuration file's text, {"model": {…}, "training": {…}}: what the
  /// draws stand on.
  std::string base = "{}";
  SearchSpace space = SearchSpace::Default();
  int trials = 9;
  int rungs = 3;  ///< the first trains 3^-(rungs - 1) of the epochs
  uint64_t seed = 1;
  /// A JSON line per finished training; a search of the same options goes on
  /// behind the last of them.
  std::string journal;
};

struct TuneTrial {
  int number = 0;
  nlohmann::ordered_json settings;  ///< what was drawn
  std::vector<double> metrics;      ///< one per rung that it reached
};

struct TuneResult {
  std::vector<TuneTrial> trials;  ///< best first: furthest rung, then metric
  /// Configuration file of the best: the base with its settings.
  std::string config;
};

/// One training to be measured.
struct TuneRun {
  int trial = 0;
  int rung = 0;
  bool resumed = false;  ///< a stopped search may have left its checkpoint
  TrainConfig config;    ///< epochs cut to the rung's
};

struct TuneMeasure {
  double metric = 0;        ///< on validation; higher is better
  std::string fingerprint;  ///< of the data
};

/// Runs the search; `measure` trains a configuration. The same options, data
/// and `measure` give the same result, however often it was stopped.
/// InvalidArgument for settings that no configuration has or takes,
/// FailedPrecondition for a journal of another search or of other data, and
/// what `measure` returns (Cancelled ends the search; call again to go on).
absl::StatusOr<TuneResult> Tune(
    const TuneOptions& options,
    const std::function<absl::StatusOr<TuneMeasure>(const TuneRun&)>& measure);

}  // namespace attune
