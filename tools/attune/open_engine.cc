#include "tools/attune/open_engine.h"

#include <utility>

#include "tools/attune/console.h"

namespace attune {

LogFunction WarningsOf(std::string_view command) {
  return [command](LogLevel level, std::string_view message) {
    if (level >= LogLevel::kWarning) Warn(command, message);
  };
}

absl::StatusOr<std::unique_ptr<Engine>> OpenFollower(
    std::string_view command, const std::string& database_path,
    const std::string& model_directory) {
  EngineOptions options;
  options.database_path = database_path;
  options.mode = EngineOptions::Mode::kFollower;
  options.model_directory = model_directory;
  options.log = WarningsOf(command);
  return Engine::Open(std::move(options));
}

absl::StatusOr<std::unique_ptr<storage::Database>> OpenDatabaseFollower(
    const std::string& database_path) {
  storage::OpenOptions open;
  open.path = database_path;
  open.mode = storage::OpenOptions::Mode::kFollower;
  return storage::Database::Open(open);
}

}  // namespace attune
