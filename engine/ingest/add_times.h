#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "engine/io/column_map.h"
#include "storage/database.h"

namespace attune {

struct AddTimesOptions {
  std::string path;  ///< rows of user_id, item_id and timestamp or time_ms
  ColumnMap map;
  bool skip_bad_rows = false;  ///< else the first one ends it, nothing written
  size_t listed_errors = 20;
  const std::atomic<bool>* cancelled = nullptr;
};

struct AddTimesSummary {
  int64_t rows = 0;  ///< good rows of the file
  int64_t skipped = 0;
  std::vector<std::string> errors;  ///< the first skipped ones
  int64_t events_timed = 0;
  int64_t users_timed = 0;
  /// Users for whom the file lacks a time of at least one event: left as they
  /// are. A sequence that is timed in part could not be put in order: time and
  /// order are two scales.
  int64_t users_incomplete = 0;
  /// Users of the file all of whose events have times, or who have none.
  int64_t users_without_need = 0;
};

/// Gives stored events that have only an order the clock times of a second
/// file: the n-th untimed event of a user with an item gets the n-th time that
/// the file has for the two. History and counters follow. Holds the file in
/// memory, about 100 bytes a row. Calling again changes nothing.
///
/// Users are written whole, a few hundred at a time: Cancelled or an error of
/// the database leaves the ones before timed. The time of equal events keeps
/// their order. An event's id is spent and stays so.
absl::Status AddTimes(storage::Database* database,
                      const AddTimesOptions& options, AddTimesSummary* summary);

}  // namespace attune
