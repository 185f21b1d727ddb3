#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "absl/status/statusor.h"
#include "engine/publish_pacer.h"
#include "engine/served_model.h"
#include "storage/database.h"

namespace attune {

/// How vectors that a job has made are loaded while requests and writers go on.
struct LoadVectorsOptions {
  std::string path;                   ///< a part, or a directory of parts
  PublishGate* gate = nullptr;        ///< who may end it
  PublishGate::Ticket ticket = 0;     ///< of this publication
  std::mutex* write_mutex = nullptr;  ///< the engine's writers
};

struct LoadedVectors {
  int64_t parts = 0;
  int64_t vectors = 0;  ///< stored
  int64_t outdated =
      0;  ///< left out: of other records than are stored, or none
};

/// Stores the vectors under `served` of those items whose record is the one
/// that they were made of, as sorted table files where they are many. Writers
/// wait while some hundred thousand are written. Errors name the part and end
/// it; what was stored by then is sound and stays: InvalidArgument for a file
/// that is no part, or of another model; DataLoss for a damaged one or a row
/// that is no vector of the model. Cancelled through the gate.
absl::StatusOr<LoadedVectors> LoadVectors(storage::Database& database,
                                          ServedModel& served,
                                          const LoadVectorsOptions& options);

}  // namespace attune
