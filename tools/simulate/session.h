#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tools/simulate/reader.h"
#include "tools/simulate/world.h"

namespace attune::simulate {

/// One row of events.tsv.
struct Event {
  ItemIndex item = 0;
  int64_t timestamp_s = 0;
  uint8_t position = 0;  // 1 to 8; 0 for a return
  bool is_return = false;
  bool clicked = false;
  bool commented = false;
  bool shared = false;
  bool bought = false;
  uint32_t page = 0;  // counts the reader's pages
  std::string query;  // that the page answers; empty: none
};

/// One row of truth.tsv: where an oracle that knew the reader's mind before
/// the page was drawn had ranked the clicked item among those not clicked yet.
struct Truth {
  ItemIndex item = 0;
  int64_t timestamp_s = 0;
  uint32_t rank = 0;  // from 1
};

/// Everything that one reader did, in order of time.
struct ReaderLog {
  std::vector<Event> events;
  std::vector<Truth> truths;
};

/// Times of the simulation.
struct Period {
  int64_t start_s = 0;
  int days = 1;
};

/// Lives through one reader's visits and writes them to *log (cleared first).
/// truth: fill log->truths too. Consumes the reader's randomness only.
void RunReader(const World& world, const Period& period, bool truth,
               Reader& reader, ReaderLog* log);

}  // namespace attune::simulate
