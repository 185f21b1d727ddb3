// Opening, closing and running: see attune.h for what each function promises.
#include "plugins/c_abi/attune.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "plugins/c_abi/arguments.h"
#include "plugins/c_abi/engine_factory.h"
#include "plugins/c_abi/entry.h"
#include "plugins/c_abi/log_forwarder.h"
#include "plugins/c_abi/open_options.h"
#include "plugins/c_abi/result_buffer.h"
#include "plugins/c_abi/run_on_quiet_thread.h"
#include "plugins/c_abi/struct_size.h"

namespace attune {
namespace {

absl::StatusOr<EngineOptions> ReadOpenArguments(
    const char* json, size_t json_length, const attune_open_options* options) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view text,
                          ReadString(json, json_length, "options"));
  attune_open_options hooks;
  ATTUNE_RETURN_IF_ERROR(ReadOptions(options, "attune_open_options", &hooks));
  if (hooks.log_level < ATTUNE_LOG_DEFAULT ||
      hooks.log_level > ATTUNE_LOG_ERROR) {
    return absl::InvalidArgumentError(
        absl::StrCat("attune_open_options.log_level is ", hooks.log_level,
                     ", must be 0 to ", ATTUNE_LOG_ERROR));
  }
  const int level =
      hooks.log_level == ATTUNE_LOG_DEFAULT ? ATTUNE_LOG_INFO : hooks.log_level;
  ATTUNE_ASSIGN_OR_RETURN(EngineOptions result, ParseOpenOptions(text));
  result.log = ForwardLog(hooks.log, hooks.log_user, level);
  return result;
}

/// A body that may start threads or take long, off the host's thread.
absl::Status Quietly(absl::FunctionRef<absl::Status()> body) {
  absl::Status status;
  RunOnQuietThread([&] { status = body(); });
  return status;
}

absl::StatusOr<std::string> ReadPath(const char* text, size_t length,
                                     absl::string_view name) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view path,
                          ReadString(text, length, name));
  if (path.empty() || path.find('\0') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat(name, ": empty, or with a NUL character in it"));
  }
  return std::string(path);
}

}  // namespace
}  // namespace attune

using namespace attune;  // NOLINT: the functions below are C's

extern "C" {

const char* attune_version(void) { return ATTUNE_VERSION; }

uint32_t attune_abi_version(void) { return ATTUNE_ABI_VERSION; }

void attune_buffer_free(attune_buffer* buffer) { FreeBuffer(buffer); }

int attune_open(const char* json, size_t json_length,
                const attune_open_options* options, attune_engine** engine,
                attune_error* error) {
  if (engine != nullptr) *engine = nullptr;
  return GuardedEntry(error, [&](ErrorSink& sink) {
    if (engine == nullptr) {
      return sink.Set(ATTUNE_INVALID_ARGUMENT, "engine is NULL");
    }
    absl::StatusOr<EngineOptions> parsed =
        ReadOpenArguments(json, json_length, options);
    if (!parsed.ok()) return sink.Set(parsed.status());
    absl::StatusOr<attune_engine*> handle = Registry::Instance().Open([&] {
      absl::StatusOr<std::unique_ptr<Engine>> opened;
      RunOnQuietThread([&] { opened = OpenEngine(*std::move(parsed)); });
      return opened;
    });
    if (handle.ok()) *engine = *handle;
    return sink.Set(handle.status());
  });
}

int attune_close(attune_engine* engine, attune_error* error) {
  return GuardedEntry(error, [&](ErrorSink& sink) {
    if (!Registry::Instance().Close(engine)) {
      return sink.Set(ATTUNE_INVALID_HANDLE,
                      "not the handle of an open engine (closed before?)");
    }
    return sink.Set(ATTUNE_OK, {});
  });
}

int attune_shutdown(attune_error* error) {
  return GuardedEntry(error, [&](ErrorSink& sink) {
    return sink.Set(Registry::Instance().Shutdown());
  });
}

int attune_prefetch_user(attune_engine* engine, const char* user_id,
                         size_t user_id_length, const char* model,
                         size_t model_length, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view user,
                            ReadText(user_id, user_id_length, "user_id"));
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view version,
                            ReadText(model, model_length, "model"));
    return open.PrefetchUser(user, version);
  });
}

int attune_reload_model(attune_engine* engine, const char* directory,
                        size_t directory_length, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string path,
                            ReadPath(directory, directory_length, "directory"));
    return Quietly([&] { return open.ReloadModel(path); });
  });
}

int attune_reload_model_with_vectors(attune_engine* engine,
                                     const char* directory,
                                     size_t directory_length,
                                     const char* vectors, size_t vectors_length,
                                     attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string path,
                            ReadPath(directory, directory_length, "directory"));
    ATTUNE_ASSIGN_OR_RETURN(const std::string parts,
                            ReadPath(vectors, vectors_length, "vectors"));
    return Quietly([&] { return open.ReloadModel(path, parts); });
  });
}

int attune_rollback_model(attune_engine* engine, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) {
    return Quietly([&] { return open.RollbackModel(); });
  });
}

int attune_cancel_reload(attune_engine* engine, attune_error* error) {
  return EngineEntry(engine, error,
                     [&](Engine& open) { return open.CancelReload(); });
}

int attune_refresh(attune_engine* engine, attune_error* error) {
  return EngineEntry(engine, error,
                     [&](Engine& open) { return open.Refresh(); });
}

int attune_stats(attune_engine* engine, int32_t format, attune_buffer* text,
                 attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(CheckResultBuffer(text, "text"));
    if (format != ATTUNE_STATS_JSON && format != ATTUNE_STATS_PROMETHEUS) {
      return absl::InvalidArgumentError(absl::StrCat(
          "format is ", format, ", must be 0 (JSON) or 1 (Prometheus)"));
    }
    const auto kind = format == ATTUNE_STATS_JSON
                          ? Engine::StatsFormat::kJson
                          : Engine::StatsFormat::kPrometheus;
    return FillBuffer(open.Stats(kind), text);
  });
}

}  // extern "C"
