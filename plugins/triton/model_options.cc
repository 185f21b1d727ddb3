#include "plugins/triton/model_options.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>
#include <thread>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune::triton {
namespace {

using Json = nlohmann::json;
using Parameters = std::map<std::string, std::string>;

constexpr int kMaxParallelRequests = 1024;

/// Options of attune_open that are text, whatever they look like.
constexpr std::string_view kTextOptions[] = {"database", "mode", "model",
                                             "precision", "backend"};

absl::Status Wrong(std::string_view key, std::string_view expected,
                   std::string_view value) {
  return absl::InvalidArgumentError(StrCat("parameter \"", key, "\" must be ",
                                           expected, ", not \"", value, "\""));
}

/// config.pbtxt's `parameters`, whose values are strings.
absl::StatusOr<Parameters> ReadParameters(const Json& config) {
  Parameters parameters;
  const auto given = config.find("parameters");
  if (given == config.end()) return parameters;
  if (!given->is_object()) {
    return absl::InvalidArgumentError("\"parameters\" is no object");
  }
  for (const auto& [key, value] : given->items()) {
    const auto text =
        value.is_object() ? value.find("string_value") : value.end();
    if (text == value.end() || !text->is_string()) {
      return absl::InvalidArgumentError(
          StrCat("parameter \"", key, "\" has no string_value"));
    }
    parameters[key] = text->get<std::string>();
  }
  return parameters;
}

/// Takes a parameter out; empty where it is not there.
std::string Take(Parameters& parameters, const std::string& key) {
  auto node = parameters.extract(key);
  return node.empty() ? std::string() : std::move(node.mapped());
}

absl::Status TakeInteger(Parameters& parameters, const std::string& key,
                         int64_t low, int64_t high, int64_t* out) {
  const std::string text = Take(parameters, key);
  if (text.empty()) return absl::OkStatus();
  int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc() || read.ptr != end || value < low ||
      value > high) {
    return Wrong(key, StrCat("an integer from ", low, " to ", high), text);
  }
  *out = value;
  return absl::OkStatus();
}

absl::Status TakeBoolean(Parameters& parameters, const std::string& key,
                         bool* out) {
  const std::string text = Take(parameters, key);
  if (text.empty()) return absl::OkStatus();
  if (text != "true" && text != "false") {
    return Wrong(key, "\"true\" or \"false\"", text);
  }
  *out = text == "true";
  return absl::OkStatus();
}

std::string AbsolutePath(const std::string& path, const std::string& folder) {
  const std::filesystem::path full = std::filesystem::path(folder) / path;
  std::error_code error;
  const std::filesystem::path canonical =
      std::filesystem::weakly_canonical(full, error);
  return error ? full.lexically_normal().string() : canonical.string();
}

/// What is not the backend's own goes to attune_open, which knows its keys.
Json OpenOptions(const Parameters& parameters) {
  Json open = Json::object();
  for (const auto& [key, text] : parameters) {
    const Json value = Json::parse(text, nullptr, false);
    const bool as_is =
        std::find(std::begin(kTextOptions), std::end(kTextOptions), key) ==
            std::end(kTextOptions) &&
        (value.is_number() || value.is_boolean());
    open[key] = as_is ? value : Json(text);
  }
  return open;
}

}  // namespace

absl::StatusOr<ModelOptions> ReadModelOptions(const Json& config,
                                              const std::string& folder,
                                              uint64_t version) {
  if (!config.is_object()) {
    return absl::InvalidArgumentError("the configuration is no JSON object");
  }
  ModelOptions options;
  options.name = config.value("name", "");
  options.batched = config.value("max_batch_size", 0) > 0;
  ATTUNE_ASSIGN_OR_RETURN(Parameters parameters, ReadParameters(config));

  int64_t k = 0;
  ATTUNE_RETURN_IF_ERROR(TakeInteger(parameters, "k", 0,
                                     std::numeric_limits<uint32_t>::max(), &k));
  options.k = static_cast<uint32_t>(k);
  ATTUNE_RETURN_IF_ERROR(TakeBoolean(parameters, "explain", &options.explain));
  // hardware_concurrency() may not know, and says 0.
  int64_t parallel = std::clamp<int64_t>(std::thread::hardware_concurrency(), 1,
                                         kMaxParallelRequests);
  ATTUNE_RETURN_IF_ERROR(TakeInteger(parameters, "parallel_requests", 1,
                                     kMaxParallelRequests, &parallel));
  options.parallel_requests = static_cast<int>(parallel);

  const std::string database = Take(parameters, "database");
  if (database.empty()) {
    return absl::InvalidArgumentError(
        "parameter \"database\" is missing: in config.pbtxt, parameters { key: "
        "\"database\" value: { string_value: \"DIRECTORY\" } }");
  }
  options.database = AbsolutePath(database, folder);
  // A server that only ranks has no need to own a database.
  std::string mode = Take(parameters, "mode");
  if (mode.empty()) mode = "follower";
  options.owner = mode == "owner";

  const std::string model = Take(parameters, "model");
  const std::string version_folder = StrCat(folder, "/", version);
  std::error_code error;
  if (!model.empty()) {
    options.model_directory = AbsolutePath(model, folder);
  } else if (std::filesystem::exists(version_folder + "/manifest.json",
                                     error)) {
    options.model_directory = AbsolutePath(version_folder, folder);
  }

  Json open = OpenOptions(parameters);
  open["database"] = options.database;
  open["mode"] = mode;
  if (!options.owner && !options.model_directory.empty()) {
    open["model"] = options.model_directory;
  }
  options.open_json = open.dump(-1, ' ', false, Json::error_handler_t::replace);
  return options;
}

}  // namespace attune::triton
