#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/model/model.h"
#include "engine/stored_model.h"
#include "storage/database.h"
#include "tools/attune/commands.h"
#include "tools/attune/console.h"
#include "tools/attune/model_check.h"
#include "tools/attune/open_engine.h"

namespace attune {
namespace {

constexpr std::string_view kCommand = "publish";

struct Arguments {
  std::string database;
  std::string model;
  std::string vectors;
  bool rollback = false;
};

// Keeps the warnings of an opening until it has succeeded: of one that fails,
// the status says more than RocksDB's log. Thread-safe.
class HeldWarnings {
 public:
  LogFunction log() {
    return [this](LogLevel level, std::string_view message) {
      if (level < LogLevel::kWarning) return;
      const std::lock_guard<std::mutex> lock(mutex_);
      if (released_) {
        Warn(kCommand, message);
      } else {
        held_.emplace_back(message);
      }
    };
  }
  void Release() {
    const std::lock_guard<std::mutex> lock(mutex_);
    released_ = true;
    for (const std::string& message : held_) Warn(kCommand, message);
    held_.clear();
  }

 private:
  std::mutex mutex_;
  bool released_ = false;
  std::vector<std::string> held_;
};

// What meta says is current; empty where nothing is.
absl::StatusOr<std::string> CurrentVersion(const std::string& database_path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<storage::Database> database,
                          OpenDatabaseFollower(database_path));
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string> version,
                          database->GetMeta(kCurrentModelKey));
  return version.value_or("");
}

absl::Status Publish(const Arguments& arguments) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string before,
                          CurrentVersion(arguments.database));
  if (!arguments.rollback) {
    ATTUNE_ASSIGN_OR_RETURN(const auto model, Model::Load(arguments.model, {}));
    ATTUNE_RETURN_IF_ERROR(
        CheckModelFits(kCommand, *model, arguments.database));
  }
  HeldWarnings warnings;  // outlives the engine
  EngineOptions options;
  options.database_path = arguments.database;
  options.mode = EngineOptions::Mode::kOwner;
  options.publish_items_per_second = 0;  // the owner serves nobody
  options.log = warnings.log();
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<Engine> engine,
                          Engine::Open(std::move(options)));
  warnings.Release();
  const int64_t start_ns = MonotonicNs();
  if (arguments.rollback) {
    ATTUNE_RETURN_IF_ERROR(engine->RollbackModel());
    engine.reset();
    ATTUNE_ASSIGN_OR_RETURN(const std::string now,
                            CurrentVersion(arguments.database));
    Print(fmt::format(
        "model {} is the current one again, in place of {}; --rollback once "
        "more goes back to {}\n",
        now, before, before));
    return absl::OkStatus();
  }
  ATTUNE_RETURN_IF_ERROR(
      engine->ReloadModel(arguments.model, arguments.vectors));
  Print(fmt::format(
      "{}: published in {}; it is the current model of {}\n", arguments.model,
      Duration(static_cast<double>(MonotonicNs() - start_ns) * 1e-9),
      arguments.database));
  return absl::OkStatus();
}

}  // namespace

void RegisterPublishCommand(CLI::App& app, SetExitCode set_exit_code) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "publish",
      "Check a model, compute the vectors of all items, make it the current "
      "one");
  command->add_option("--db", arguments->database, "Database directory")
      ->required();
  CLI::Option* model =
      command->add_option("--model", arguments->model, "Model directory");
  command
      ->add_option("--vectors", arguments->vectors,
                   "Item vectors that a job has made: its directory of parts; "
                   "what is missing is embedded")
      ->needs(model);
  command
      ->add_flag(
          "--rollback", arguments->rollback,
          "Go back to the model before the current one; twice: forth again")
      ->excludes(model);
  command->callback([arguments, set_exit_code = std::move(set_exit_code)] {
    if (arguments->model.empty() && !arguments->rollback) {
      set_exit_code(FailUsage(kCommand, "give --model DIR or --rollback"));
      return;
    }
    const absl::Status status = Publish(*arguments);
    set_exit_code(status.ok() ? kExitOk : Fail(kCommand, status));
  });
}

}  // namespace attune
