#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/train/split.h"
#include "storage/database.h"

namespace attune {

/// What a model's report.json says of the data and the split that it was
/// trained under.
struct ModelOrigin {
  SplitOptions split;
  bool has_split = false;   ///< false: a report of before, or none
  std::string fingerprint;  ///< Dataset::Fingerprint(); may be empty
};

/// Never fails: what the report does not say keeps its default.
ModelOrigin OriginOf(const Model& model);

/// How a model's vocabulary and columns fit a database.
struct ModelFit {
  int64_t items = 0;  ///< of the database, with a record or events
  /// Whether training saw none of them, though it saw others.
  bool foreign = false;
  /// Columns of the model's schema that the database lacks: "item.authors".
  std::vector<std::string> missing_columns;
};

/// Looks for one item that both know, so that only a foreign model costs a pass
/// over the database. Everything fits a database without items and events.
absl::StatusOr<ModelFit> FitOf(const Model& model, storage::Database& database);

/// One sentence about a foreign model, or about columns that are missing; empty
/// where nothing is wrong.
std::string FitWarning(const ModelFit& fit, const std::string& database_path);

}  // namespace attune
