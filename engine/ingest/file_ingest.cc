#include "engine/ingest/file_ingest.h"

#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/event_writer.h"
#include "engine/io/number_text.h"
#include "features/hash.h"

namespace attune {
namespace {

constexpr std::string_view kNextOrderKey = "ingest_next_order";
constexpr int64_t kRowsPerReport = 4096;
// From here on sorted table files are faster than the write path.
constexpr int64_t kBulkRows = 50'000;

absl::Status AtRow(const Record& record, const absl::Status& status) {
  if (status.ok()) return status;
  return RowError(record.path, record.line, ToStd(status.message()));
}

}  // namespace

FileIngest::FileIngest(storage::Database* database,
                       const IngestOptions* options,
                       const features::Schema* schema,
                       const IngestJournal* journal, FileSummary* summary)
    : database_(database),
      options_(*options),
      schema_(*schema),
      journal_(*journal),
      summary_(*summary),
      parser_(schema) {}

absl::Status FileIngest::Run(const std::optional<IngestJournal::Place>& earlier,
                             storage::WriteGroup* group) {
  ATTUNE_RETURN_IF_ERROR(OpenReader(earlier));
  ATTUNE_RETURN_IF_ERROR(LoadNextOrder());
  absl::Status taken = TakeRows(group);
  summary_.misfits = parser_.misfits();
  summary_.first_misfit = parser_.first_misfit();
  Report();
  // After a failed write the group is gone, and a note of how far the file was
  // read would lose its rows.
  if (write_failed_) return taken;
  // Nor does a schema stay that no row was read by: the right file may have
  // another.
  if (!taken.ok() && summary_.rows == 0) return taken;
  // What was good before the error stays, and the next run goes on there.
  const absl::Status written = WriteRows(/*ends=*/true, group);
  return taken.ok() ? written : taken;
}

absl::Status FileIngest::OpenReader(
    const std::optional<IngestJournal::Place>& earlier) {
  ATTUNE_ASSIGN_OR_RETURN(reader_,
                          RecordReader::Open(summary_.path, options_.map));
  if (!earlier.has_value()) {
    place_.position = reader_->position();
    return absl::OkStatus();
  }
  place_ = *earlier;
  place_.complete = false;
  summary_.changed_since = earlier->by_path;
  summary_.resumed_behind_line = place_.position.line;
  return reader_->SkipTo(place_.position);
}

absl::Status FileIngest::TakeRows(storage::WriteGroup* group) {
  Record record;
  for (int64_t row = 1;; ++row) {
    const absl::StatusOr<bool> has_row = reader_->Next(&record);
    if (has_row.ok() && !*has_row) break;
    absl::Status taken =
        has_row.ok() ? TakeRow(record, group) : has_row.status();
    if (!taken.ok()) {
      if (!absl::IsInvalidArgument(taken) ||
          options_.on_error == IngestOptions::OnError::kStop) {
        return taken;
      }
      SkipRow(taken);
    }
    place_.position = reader_->position();
    if (++rows_in_group_ >= options_.rows_per_write ||
        group->size_bytes() >= options_.bytes_per_write) {
      ATTUNE_RETURN_IF_ERROR(WriteRows(/*ends=*/false, group));
    }
    if (row % kRowsPerReport != 0) continue;
    Report();
    if (options_.cancelled != nullptr && options_.cancelled->load()) {
      return absl::CancelledError(
          StrCat(summary_.path, ":", place_.position.line,
                 ": stopped behind this line; the same command goes on there"));
    }
  }
  place_.complete = true;
  summary_.complete = true;
  return absl::OkStatus();
}

absl::Status FileIngest::TakeRow(const Record& record,
                                 storage::WriteGroup* group) {
  if (summary_.kind == "items") {
    ATTUNE_RETURN_IF_ERROR(parser_.ParseItem(record, &item_));
    ATTUNE_RETURN_IF_ERROR(AtRow(record, group->PutItem(item_)));
    CountId(item_.item_id());
  } else if (summary_.kind == "users") {
    ATTUNE_RETURN_IF_ERROR(parser_.ParseUser(record, &user_));
    ATTUNE_RETURN_IF_ERROR(AtRow(record, group->PutUser(user_)));
    CountId(user_.user_id());
  } else {
    ATTUNE_RETURN_IF_ERROR(TakeEvent(record, group));
  }
  ++summary_.rows;
  ++place_.rows;
  return absl::OkStatus();
}

absl::Status FileIngest::TakeEvent(const Record& record,
                                   storage::WriteGroup* group) {
  ATTUNE_RETURN_IF_ERROR(parser_.ParseEvent(record, &event_));
  const bool unplaced = !event_.has_time_ms() && !event_.has_order();
  if (unplaced) event_.set_order(next_order_);
  ATTUNE_RETURN_IF_ERROR(AtRow(record, AppendEvent(schema_, event_, group)));
  if (unplaced) {
    ++next_order_;
    order_used_ = true;
    ++summary_.numbered_here;
  }
  if (!event_.has_time_ms()) ++summary_.without_time;
  return absl::OkStatus();
}

void FileIngest::CountId(std::string_view id) {
  // Hashes: 8 bytes an id instead of its text. Two of 10 million ids share one
  // with a chance of 3 in a million, and then a count is one too high.
  if (!ids_.insert(features::HashBytes(id)).second) ++summary_.repeated;
}

void FileIngest::SkipRow(const absl::Status& error) {
  ++summary_.skipped;
  if (summary_.errors.size() < options_.listed_errors) {
    summary_.errors.emplace_back(ToStd(error.message()));
  }
}

absl::Status FileIngest::FillNotes(bool ends, storage::WriteGroup* group) {
  ATTUNE_RETURN_IF_ERROR(journal_.Note(place_, group));
  if (ends) ATTUNE_RETURN_IF_ERROR(journal_.NoteBookmark(place_, group));
  if (!order_used_) return absl::OkStatus();
  return group->PutMeta(kNextOrderKey, StrCat(next_order_));
}

absl::Status FileIngest::WriteRows(bool ends, storage::WriteGroup* group) {
  storage::WriteSummary written;
  absl::Status status = FillNotes(ends, group);
  if (status.ok() && rows_in_group_ >= kBulkRows) {
    status = database_->BulkWrite(std::move(*group), &written);
  } else if (status.ok()) {
    status = database_->Write(std::move(*group), {options_.sync}, &written);
  }
  if (!status.ok()) {
    write_failed_ = true;
    return status;
  }
  summary_.added +=
      written.items_added + written.users_added + written.events_added;
  summary_.replaced += written.items_replaced + written.users_replaced;
  summary_.duplicates += written.events_duplicate;
  rows_in_group_ = 0;
  return absl::OkStatus();
}

absl::Status FileIngest::LoadNextOrder() {
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> text,
                          database_->GetMeta(kNextOrderKey));
  if (!text.has_value()) return absl::OkStatus();
  const std::optional<int64_t> number = ParseInteger(*text);
  if (!number.has_value()) {
    return absl::DataLossError(
        StrCat("the database's ", kNextOrderKey, " is no number"));
  }
  next_order_ = *number;
  return absl::OkStatus();
}

void FileIngest::Report() const {
  if (!options_.progress) return;
  options_.progress({summary_.kind, summary_.path, summary_.rows,
                     reader_->file_position(), reader_->file_size()});
}

}  // namespace attune
