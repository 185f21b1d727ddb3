#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "storage/database.h"

namespace attune {

/// Opens the engine of a command that only reads, beside a live service.
/// `model_directory` empty: the database's current model. What the libraries
/// warn of goes to stderr under the command's name.
absl::StatusOr<std::unique_ptr<Engine>> OpenFollower(
    std::string_view command, const std::string& database_path,
    const std::string& model_directory);

/// The database alone, read-only, beside a live writer.
absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabaseFollower(
    const std::string& database_path);

/// Warnings and errors of the libraries, on stderr. `command` must outlive it.
LogFunction WarningsOf(std::string_view command);

}  // namespace attune
