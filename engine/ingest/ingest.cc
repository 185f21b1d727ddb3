#include "engine/ingest/ingest.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/column_inference.h"
#include "engine/ingest/database_schema.h"
#include "engine/ingest/file_ingest.h"
#include "engine/ingest/ingest_journal.h"
#include "engine/io/line_source.h"

namespace attune {
namespace {

using features::Entity;

struct InputFile {
  std::string kind;
  Entity entity;
  std::string path;
};

// A file whose past is known.
struct KnownFile {
  InputFile input;
  IngestJournal journal;
  std::optional<IngestJournal::Place> earlier;

  bool done() const {
    return earlier.has_value() && earlier->complete && !earlier->by_path;
  }
};

std::vector<InputFile> InputFiles(const IngestOptions& options) {
  std::vector<InputFile> files;
  for (const std::string& path : options.items) {
    files.push_back({"items", Entity::kItem, path});
  }
  for (const std::string& path : options.users) {
    files.push_back({"users", Entity::kUser, path});
  }
  for (const std::string& path : options.events) {
    files.push_back({"events", Entity::kEvent, path});
  }
  return files;
}

// The names without which no row of that kind can be read.
std::vector<std::string_view> RequiredNames(Entity entity) {
  switch (entity) {
    case Entity::kItem:
      return {"item_id"};
    case Entity::kUser:
      return {"user_id"};
    case Entity::kEvent:
      return {"user_id", "item_id"};
  }
  return {};
}

// Better than the same error at the first row: nothing is written yet.
absl::Status CheckRequiredNames(const std::vector<InputFile>& files,
                                const ColumnMap& map) {
  for (const InputFile& file : files) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> columns,
                            FileColumns(file.path));
    for (std::string_view name : RequiredNames(file.entity)) {
      const bool found = std::any_of(columns.begin(), columns.end(),
                                     [&](const std::string& column) {
                                       return map.NewName(column) == name;
                                     });
      if (!found && !columns.empty()) {
        return RowError(file.path, 1,
                        StrCat("there is no column \"", name, "\" among ",
                               absl::StrJoin(columns, ", "), "; --map ", name,
                               "=COLUMN takes another one"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<KnownFile>> LookUp(storage::Database* database,
                                              std::vector<InputFile> inputs,
                                              const IngestOptions& options) {
  std::vector<KnownFile> files;
  for (InputFile& input : inputs) {
    ATTUNE_ASSIGN_OR_RETURN(
        IngestJournal journal,
        IngestJournal::Open(database, input.kind, input.path));
    std::optional<IngestJournal::Place> earlier;
    if (!options.again) {
      ATTUNE_ASSIGN_OR_RETURN(earlier, journal.Find());
    }
    files.push_back({std::move(input), std::move(journal), earlier});
  }
  return files;
}

// The schema that the rows are read by: declared, stored, and what the files
// themselves show.
absl::StatusOr<features::Schema> FindSchema(const std::vector<KnownFile>& files,
                                            const IngestOptions& options,
                                            const features::Schema& base,
                                            IngestSummary* summary) {
  features::SchemaInferrer inferrer(base);
  for (const KnownFile& file : files) {
    if (file.done()) continue;
    ATTUNE_RETURN_IF_ERROR(ObserveFile(file.input.path, file.input.entity,
                                       options.map, base,
                                       options.inference_rows, &inferrer));
  }
  features::Schema schema = inferrer.Finish();
  for (const features::Column& column : schema.columns()) {
    if (base.Find(column.entity, column.name) == nullptr) {
      summary->inferred.push_back(column);
    }
  }
  return schema;
}

absl::Status DeclareContext(const IngestOptions& options,
                            features::Schema& schema) {
  for (const IngestOptions::ContextColumn& column : options.context) {
    const absl::Status declared =
        schema.DeclareContext(column.name, column.type);
    if (declared.ok()) continue;
    std::string known;
    for (const features::Column& other : schema.columns()) {
      if (other.entity != Entity::kEvent) continue;
      known += StrCat(known.empty() ? "" : ", ", other.name);
    }
    return absl::Status(
        declared.code(),
        StrCat("context: ", ToStd(declared.message()),
               "; event columns are: ", known.empty() ? "none" : known));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::vector<IngestOptions::ContextColumn>> ParseContextColumns(
    std::string_view text) {
  std::vector<IngestOptions::ContextColumn> columns;
  while (!text.empty()) {
    const size_t comma = std::min(text.find(','), text.size());
    const std::string_view entry = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    // A name may hold a colon: the last one counts, before a type.
    const size_t colon = std::min(entry.rfind(':'), entry.size());
    IngestOptions::ContextColumn column;
    column.name = entry.substr(0, colon);
    if (colon < entry.size()) {
      const std::string_view type = entry.substr(colon + 1);
      column.type = features::ParseColumnType(type);
      if (!column.type.has_value()) {
        return absl::InvalidArgumentError(StrCat(
            "context column \"", column.name, "\": unknown type \"", type,
            "\" (known: text, numeric, categorical, multi, time)"));
      }
    }
    const bool is_new = std::none_of(
        columns.begin(), columns.end(),
        [&](const auto& other) { return other.name == column.name; });
    if (column.name.empty() || !is_new) {
      return absl::InvalidArgumentError(
          column.name.empty()
              ? std::string("a context column without a name")
              : StrCat("context column \"", column.name, "\" is repeated"));
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

absl::Status CheckIngestInputs(const IngestOptions& options) {
  std::vector<std::string> columns;
  std::string names;
  std::vector<InputFile> files = InputFiles(options);
  if (!options.times.empty()) {
    files.push_back({"times", Entity::kEvent, options.times});
  }
  for (const InputFile& file : files) {
    ATTUNE_ASSIGN_OR_RETURN(const std::vector<std::string> found,
                            FileColumns(file.path));
    for (const std::string& column : found) {
      if (std::find(columns.begin(), columns.end(), column) == columns.end()) {
        columns.push_back(column);
      }
    }
    names += StrCat(names.empty() ? "" : ", ", file.path);
  }
  return options.map.CheckSources(columns, names);
}

absl::Status IngestFiles(storage::Database* database,
                         const IngestOptions& caller_options,
                         IngestSummary* summary) {
  *summary = IngestSummary();
  IngestOptions options = caller_options;
  ATTUNE_RETURN_IF_ERROR(CheckIngestInputs(options));
  std::vector<InputFile> inputs = InputFiles(options);

  ATTUNE_ASSIGN_OR_RETURN(const features::Schema stored, LoadSchema(*database));
  features::Schema base = stored;
  if (options.schema.has_value()) {
    ATTUNE_ASSIGN_OR_RETURN(base, MergeSchemas(*options.schema, stored));
  }
  options.map.AddDefaults(base.name_map());
  ATTUNE_RETURN_IF_ERROR(CheckRequiredNames(inputs, options.map));
  ATTUNE_ASSIGN_OR_RETURN(const std::vector<KnownFile> files,
                          LookUp(database, std::move(inputs), options));
  ATTUNE_ASSIGN_OR_RETURN(features::Schema schema,
                          FindSchema(files, options, base, summary));
  ATTUNE_RETURN_IF_ERROR(DeclareContext(options, schema));
  if (!options.context.empty()) summary->context = schema.ContextNames();

  int64_t rows = 0;
  // The schema is committed with the first rows that were read by it.
  storage::WriteGroup group;
  if (!(schema == stored)) {
    ATTUNE_RETURN_IF_ERROR(group.PutMeta(kSchemaMetaKey, schema.ToJson()));
  }
  for (const KnownFile& file : files) {
    FileSummary& file_summary = summary->files.emplace_back();
    file_summary.kind = file.input.kind;
    file_summary.path = file.input.path;
    if (file.done()) {
      file_summary.already_done = file_summary.complete = true;
      continue;
    }
    FileIngest ingest(database, &options, &schema, &file.journal,
                      &file_summary);
    const absl::Status taken = ingest.Run(file.earlier, &group);
    rows += file_summary.rows;
    if (!taken.ok()) {
      if (rows == 0) summary->inferred.clear();  // the schema was not stored
      return taken;
    }
  }
  if (!group.empty()) {
    ATTUNE_RETURN_IF_ERROR(database->Write(std::move(group), {options.sync}));
  }
  if (options.times.empty()) return absl::OkStatus();
  return AddTimes(
      database,
      {.path = options.times,
       .map = options.map,
       .skip_bad_rows = options.on_error == IngestOptions::OnError::kSkip,
       .listed_errors = options.listed_errors,
       .cancelled = options.cancelled},
      &summary->times);
}

}  // namespace attune
