#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "engine/ingest/ingest.h"
#include "engine/ingest/ingest_journal.h"
#include "engine/ingest/record_parser.h"
#include "engine/io/record_reader.h"
#include "features/schema.h"
#include "storage/database.h"
#include "storage/write_group.h"

namespace attune {

/// Takes one file; IngestFiles() in pieces. Not thread-safe.
class FileIngest {
 public:
  /// All must outlive the object.
  FileIngest(storage::Database* database, const IngestOptions* options,
             const features::Schema* schema, const IngestJournal* journal,
             FileSummary* summary);

  /// Takes the file from its beginning or from where an earlier run stopped.
  /// `group` may hold what shall be written together with the first rows; it is
  /// empty when Run returns Ok and there were any.
  absl::Status Run(const std::optional<IngestJournal::Place>& earlier,
                   storage::WriteGroup* group);

 private:
  absl::Status OpenReader(const std::optional<IngestJournal::Place>& earlier);
  absl::Status TakeRows(storage::WriteGroup* group);
  absl::Status TakeRow(const Record& record, storage::WriteGroup* group);
  absl::Status TakeEvent(const Record& record, storage::WriteGroup* group);
  void CountId(std::string_view id);
  void SkipRow(const absl::Status& error);
  absl::Status WriteRows(bool ends, storage::WriteGroup* group);
  absl::Status FillNotes(bool ends, storage::WriteGroup* group);
  absl::Status LoadNextOrder();
  void Report() const;

  storage::Database* const database_;
  const IngestOptions& options_;
  const features::Schema& schema_;
  const IngestJournal& journal_;
  FileSummary& summary_;

  RecordParser parser_;
  std::unique_ptr<RecordReader> reader_;
  IngestJournal::Place place_;  // behind the last row that is dealt with
  int64_t rows_in_group_ = 0;
  bool write_failed_ = false;
  int64_t next_order_ = 0;  // for events with neither time nor order
  bool order_used_ = false;
  absl::flat_hash_set<uint64_t> ids_;  // hashes of the ids of this run
  v1::Item item_;
  v1::User user_;
  v1::Event event_;
};

}  // namespace attune
