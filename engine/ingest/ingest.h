#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "engine/ingest/add_times.h"
#include "engine/io/column_map.h"
#include "features/schema.h"
#include "storage/database.h"

namespace attune {

struct IngestProgress {
  std::string_view kind;
  std::string_view path;
  int64_t rows = 0;           ///< taken of this file in this run
  int64_t file_position = 0;  ///< bytes of the file itself
  int64_t file_size = 0;
};

struct IngestOptions {
  /// Taken in this order; each list in its own order.
  std::vector<std::string> items;
  std::vector<std::string> users;
  std::vector<std::string> events;
  /// After those: times for events that have only an order (AddTimes).
  std::string times;

  /// Declared columns and actions; null: those of the database.
  std::optional<features::Schema> schema;
  ColumnMap map;
  /// Event columns of the files or the database that a request may carry, too.
  struct ContextColumn {
    std::string name;
    std::optional<features::ColumnType> type;  ///< nullopt: as it is
  };
  std::vector<ContextColumn> context;

  enum class OnError {
    kStop,  ///< the rows before the bad one stay; a later run goes on there
    kSkip,  ///< bad rows are counted and the first ones listed
  } on_error = OnError::kStop;
  /// Takes files again that were taken before.
  bool again = false;
  /// fsync after every group of rows. Large groups are always on the disk.
  bool sync = false;

  /// Rows that are written, and become durable, together; also what a kill
  /// costs. From about 50,000 on, groups are bulk-loaded.
  int64_t rows_per_write = 200'000;
  /// A group is written earlier when it holds this much.
  size_t bytes_per_write = size_t{96} << 20;
  /// Rows of each file that undeclared columns are judged by.
  int64_t inference_rows = 100'000;
  /// Bad rows listed in the summary, per file.
  size_t listed_errors = 20;

  /// Called every few thousand rows and at the end of a file. May be empty.
  std::function<void(const IngestProgress&)> progress;
  /// Set by another thread or a signal handler: stop after the rows at hand.
  const std::atomic<bool>* cancelled = nullptr;
};

/// What happened to one file.
struct FileSummary {
  std::string kind;  ///< "items", "users" or "events"
  std::string path;
  bool already_done = false;   ///< taken whole by an earlier run: nothing to do
  bool complete = false;       ///< taken to its end now or earlier
  bool changed_since = false;  ///< mended or grown since the earlier run
  int64_t resumed_behind_line = 0;  ///< lines taken by an earlier run
  int64_t rows = 0;                 ///< good rows of this run
  int64_t added = 0;
  int64_t replaced = 0;  ///< items and users that were there, repeats included
  int64_t repeated = 0;  ///< ids met more than once in this run: the last wins
  int64_t duplicates = 0;           ///< events whose event_id was known
  int64_t without_time = 0;         ///< events with an order only
  int64_t numbered_here = 0;        ///< of those: the order is that of the file
  int64_t skipped = 0;              ///< bad rows left out
  std::vector<std::string> errors;  ///< the first of them
  int64_t misfits = 0;              ///< see RecordParser
  std::string first_misfit;
};

struct IngestSummary {
  std::vector<FileSummary> files;
  /// Columns whose type was found out in this run.
  std::vector<features::Column> inferred;
  AddTimesSummary times;
  /// Schema::ContextNames() where options.context is not empty.
  std::string context;
};

/// "query,tab:categorical". InvalidArgument names an unknown type or an empty
/// or repeated name.
absl::StatusOr<std::vector<IngestOptions::ContextColumn>> ParseContextColumns(
    std::string_view text);

/// What can be found wrong with the options without a database: a file that is
/// not there or not readable, a bad header, a name of the map that is nowhere.
/// For callers that would make a database first; IngestFiles checks it, too.
absl::Status CheckIngestInputs(const IngestOptions& options);

/// Takes the files into the database, each row exactly once: what a group of
/// rows changes and how far the file is taken are committed together.
///
/// The first bad row's error with OnError::kStop ("events.jsonl:812: …");
/// Cancelled when `cancelled` was set; DataLoss for a file that cannot be read
/// further; errors of the database as they are. In all cases *summary says what
/// was done, and calling again goes on from there. Nothing is written where the
/// options (map, file names, headers) are wrong.
absl::Status IngestFiles(storage::Database* database,
                         const IngestOptions& options, IngestSummary* summary);

}  // namespace attune
