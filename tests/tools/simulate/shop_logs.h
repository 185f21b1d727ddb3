#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/simulate/options.h"
#include "tools/simulate/simulator.h"

namespace attune::simulate {

/// A row of events.tsv as text and numbers.
struct EventRow {
  std::string user;
  std::string item;
  std::string action;
  int64_t timestamp = 0;
  int position = 0;
  bool click = false;
  bool comment = false;
  bool share = false;
  bool buy = false;
};

/// A new, empty folder below the test's temporary directory.
std::string MakeFolder();

/// Whole file, .gz unpacked; fails the test if it cannot be read.
std::string ReadText(const std::string& path);

/// Lines without their ends.
std::vector<std::string> Lines(const std::string& text);

/// Fields of a TSV line.
std::vector<std::string> Fields(const std::string& line);

/// Rows behind the header of DIR/events.tsv.
std::vector<EventRow> ReadEvents(const std::string& dir);

/// The shipped catalogue.
std::string BookshopPath();

/// Options for the shipped catalogue, a new folder and few readers.
SimulateOptions SmallShop(uint64_t users);

/// Runs the simulator; fails the test on an error.
SimulationReport MustRun(const SimulateOptions& options);

}  // namespace attune::simulate
