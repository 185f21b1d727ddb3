#include "plugins/triton/engine_handle.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "plugins/triton/triton_status.h"

namespace attune::triton {
namespace {

using Json = nlohmann::json;

/// Where a call's message goes.
class Outcome {
 public:
  Outcome() {
    error_.struct_size = sizeof(error_);
    error_.message = text_;
    error_.message_capacity = sizeof(text_);
  }
  attune_error* get() { return &error_; }

  absl::Status StatusOf(int code) const {
    if (code == ATTUNE_OK) return absl::OkStatus();
    // 1 to 16 are gRPC's, and so Abseil's; what is above is our own mistake.
    const auto known =
        code >= ATTUNE_CANCELLED && code <= ATTUNE_UNAUTHENTICATED
            ? static_cast<absl::StatusCode>(code)
            : absl::StatusCode::kInternal;
    return absl::Status(known, text_);
  }

 private:
  char text_[4096] = "";
  attune_error error_ = {};
};

void Log(void* /*user*/, int32_t level, const char* message, size_t length) {
  const TritonLogLevel theirs = level >= ATTUNE_LOG_ERROR ? kTritonLogError
                                : level == ATTUNE_LOG_WARNING
                                    ? kTritonLogWarning
                                    : kTritonLogInfo;
  try {
    LogToTriton(theirs, {message, length});
  } catch (...) {  // NOLINT(bugprone-empty-catch): C called, and nobody hears
  }
}

/// The version that a model directory's manifest names; empty where it cannot
/// be read, which publishing then explains.
std::string VersionOf(const std::string& directory) {
  std::ifstream file(std::filesystem::path(directory) / "manifest.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const Json manifest = Json::parse(text, nullptr, false);
  if (!manifest.is_object()) return "";
  const auto version = manifest.find("version");
  return version != manifest.end() && version->is_string()
             ? version->get<std::string>()
             : "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<EngineHandle>> EngineHandle::Open(
    std::string_view options_json) {
  attune_open_options options = {};
  options.struct_size = sizeof(options);
  options.log_level = ATTUNE_LOG_INFO;
  options.log = Log;
  attune_engine* engine = nullptr;
  Outcome outcome;
  ATTUNE_RETURN_IF_ERROR(
      outcome.StatusOf(attune_open(options_json.data(), options_json.size(),
                                   &options, &engine, outcome.get())));
  return std::unique_ptr<EngineHandle>(new EngineHandle(engine));
}

EngineHandle::~EngineHandle() {
  Outcome outcome;
  const absl::Status status =
      outcome.StatusOf(attune_close(engine_, outcome.get()));
  if (!status.ok()) LogToTriton(kTritonLogError, ToStd(status.message()));
}

absl::StatusOr<EngineBuffer> EngineHandle::Rank(
    std::string_view request) const {
  EngineBuffer response;
  Outcome outcome;
  ATTUNE_RETURN_IF_ERROR(
      outcome.StatusOf(attune_rank(engine_, request.data(), request.size(),
                                   nullptr, response.get(), outcome.get())));
  return response;
}

absl::Status EngineHandle::RankIds(std::string_view user_id,
                                   std::span<const std::string_view> ids,
                                   const attune_rank_ids_options& options,
                                   std::span<float> scores) const {
  std::vector<const char*> pointers(ids.size());
  std::vector<size_t> lengths(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    pointers[i] = ids[i].data();
    lengths[i] = ids[i].size();
  }
  Outcome outcome;
  return outcome.StatusOf(attune_rank_ids(
      engine_, user_id.data(), user_id.size(), pointers.data(), lengths.data(),
      ids.size(), scores.data(), &options, outcome.get()));
}

absl::Status EngineHandle::Publish(const std::string& directory) {
  std::lock_guard<std::mutex> lock(publish_mutex_);
  const std::string version = VersionOf(directory);
  ATTUNE_ASSIGN_OR_RETURN(const std::string current, CurrentModel());
  if (!version.empty() && version == current) return absl::OkStatus();
  Outcome outcome;
  return outcome.StatusOf(attune_reload_model(engine_, directory.data(),
                                              directory.size(), outcome.get()));
}

absl::StatusOr<std::string> EngineHandle::CurrentModel() const {
  EngineBuffer text;
  Outcome outcome;
  ATTUNE_RETURN_IF_ERROR(outcome.StatusOf(
      attune_stats(engine_, ATTUNE_STATS_JSON, text.get(), outcome.get())));
  const Json stats = Json::parse(text.view(), nullptr, false);
  const auto model = stats.is_object() ? stats.find("model") : stats.end();
  return model != stats.end() && model->is_string() ? model->get<std::string>()
                                                    : std::string();
}

}  // namespace attune::triton
