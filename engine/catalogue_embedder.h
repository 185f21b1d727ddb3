#pragma once

#include <cstdint>
#include <mutex>

#include "absl/status/status.h"
#include "engine/publish_pacer.h"
#include "engine/served_model.h"
#include "storage/database.h"

namespace attune {

/// How a catalogue is embedded while requests and writers go on.
struct EmbedOptions {
  int64_t items_per_second = 0;       ///< 0: as fast as it goes
  PublishGate* gate = nullptr;        ///< who may end it
  PublishGate::Ticket ticket = 0;     ///< of this publication
  std::mutex* write_mutex = nullptr;  ///< the engine's writers
};

/// Stores the vectors of all items that have none under `served` yet, in steps.
/// A step is computed without a lock; only its write holds the writers up, and
/// leaves out records that a writer changed meanwhile. Rows of an earlier
/// publication that was ended are kept, so that the next one goes on there. The
/// cache of hot rows is left alone. Cancelled through the gate.
absl::Status EmbedCatalogue(storage::Database& database, ServedModel& served,
                            const EmbedOptions& options);

}  // namespace attune
