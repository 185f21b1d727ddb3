#include "engine/snapshot.h"

#include <limits>
#include <memory>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/model_directory.h"
#include "engine/io/text_file.h"
#include "engine/stored_model.h"
#include "storage/database.h"

namespace attune {

absl::StatusOr<MadeSnapshot> MakeSnapshot(const MakeSnapshotOptions& options) {
  storage::OpenOptions open;
  open.path = options.database_path;
  open.mode = storage::OpenOptions::Mode::kFollower;
  ATTUNE_ASSIGN_OR_RETURN(const auto database, storage::Database::Open(open));
  if (database->is_snapshot()) {
    return absl::InvalidArgumentError(
        StrCat("\"", options.database_path,
               "\" is a snapshot already: copy the file"));
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                          database->GetMeta(kCurrentModelKey));
  if (!version.has_value()) {
    return absl::FailedPreconditionError(
        StrCat("database \"", options.database_path,
               "\" has no published model: train one and publish it"));
  }
  const std::string model =
      StoredModelDirectory(options.database_path, *version);
  ATTUNE_ASSIGN_OR_RETURN(const ModelManifest manifest,
                          VerifyModelDirectory(model));
  storage::SnapshotOptions pack;
  pack.path = options.output_path;
  pack.model_version = *version;
  pack.histories = options.histories;
  pack.cancelled = options.cancelled;
  for (const auto& [name, digest] : manifest.files) {
    ATTUNE_ASSIGN_OR_RETURN(std::string content,
                            ReadTextFile(StrCat(model, "/", name),
                                         std::numeric_limits<size_t>::max()));
    pack.files.push_back({name, std::move(content)});
  }
  MadeSnapshot made;
  made.model_version = *version;
  ATTUNE_ASSIGN_OR_RETURN(made.rows, database->WriteSnapshot(pack));
  return made;
}

}  // namespace attune
