#include "tools/attune/model_check.h"

#include <memory>

#include "base/status_macros.h"
#include "engine/train/model_origin.h"
#include "storage/database.h"
#include "tools/attune/console.h"
#include "tools/attune/open_engine.h"

namespace attune {
namespace {

absl::StatusOr<ModelFit> FitIn(const Model& model,
                               const std::string& database_path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(database_path));
  return FitOf(model, *database);
}

}  // namespace

absl::Status CheckModelFits(std::string_view command, const Model& model,
                            const std::string& database_path) {
  ATTUNE_ASSIGN_OR_RETURN(const ModelFit fit, FitIn(model, database_path));
  const std::string warning = FitWarning(fit, database_path);
  if (fit.foreign) return absl::FailedPreconditionError(warning);
  if (!warning.empty()) Warn(command, warning);
  return absl::OkStatus();
}

void WarnOfForeignModel(std::string_view command,
                        const std::string& model_directory,
                        const std::string& database_path) {
  if (model_directory.empty()) return;
  const auto model = Model::Load(model_directory, {});
  if (!model.ok()) return;  // the engine says why
  const absl::StatusOr<ModelFit> fit = FitIn(**model, database_path);
  if (!fit.ok()) return;
  const std::string warning = FitWarning(*fit, database_path);
  if (!warning.empty()) Warn(command, warning);
}

}  // namespace attune
