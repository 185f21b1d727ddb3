#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tools/simulate/options.h"

namespace attune {

/// What was written.
struct SimulationReport {
  uint64_t items = 0;
  uint64_t users = 0;
  uint64_t impressions = 0;
  uint64_t clicks = 0;
  uint64_t comments = 0;
  uint64_t shares = 0;
  uint64_t buys = 0;
  uint64_t returns = 0;
  std::vector<std::string> files;
};

/// Invents readers with hidden, drifting tastes and writes down what a shop
/// would have logged about them (examples/bookshop/README.md lists the
/// columns). Shares no code with the ranking model. Readers are made one at a
/// time: memory depends on the number of items alone (about 300 bytes each).
/// Not thread-safe.
class Simulator {
 public:
  /// Called after every reader with the numbers so far. Returning false stops
  /// the run with Cancelled and leaves earlier files of the folder as they
  /// were.
  using Progress = std::function<bool(const SimulationReport& so_far)>;

  /// Reads or invents the catalogue. InvalidArgument for impossible options or
  /// a broken catalogue line ("FILE:LINE: ..."), NotFound for a missing file.
  static absl::StatusOr<Simulator> Create(const SimulateOptions& options);

  Simulator(Simulator&&) noexcept;
  Simulator& operator=(Simulator&&) noexcept;
  ~Simulator();

  /// Writes the files. Errors of the file system name the file.
  absl::StatusOr<SimulationReport> Run(const Progress& progress = {}) const;

 private:
  struct Impl;
  explicit Simulator(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace attune
