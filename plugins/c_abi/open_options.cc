#include "plugins/c_abi/open_options.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr size_t kMaxJsonBytes = size_t{1} << 20;
constexpr absl::string_view kKeys =
    "database, mode, model, threads, memory_limit_mb, precision, backend, "
    "create, publish_items_per_second, fill_item_cache, refresh_ms";

/// A value for a message: as JSON, so that nothing in it is raw; what it is, if
/// that is long or no scalar (dump() recurses, and the nesting is the
/// caller's).
std::string Shown(const Json& value) {
  if (!value.is_primitive()) return value.type_name();
  std::string text = value.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (text.size() <= 100) return text;
  return absl::StrCat(value.type_name(), " of ", text.size(), " bytes");
}

absl::Status Wrong(absl::string_view key, absl::string_view expected,
                   const Json& value) {
  return absl::InvalidArgumentError(absl::StrCat(
      "options: \"", key, "\" must be ", expected, ", not ", Shown(value)));
}

// "" asks for the default.
bool IsOneOf(const Json& value, std::initializer_list<const char*> names) {
  return std::any_of(names.begin(), names.end(),
                     [&](const char* name) { return value == name; });
}

absl::Status ReadTextOption(absl::string_view key, const Json& value,
                            std::string* out) {
  if (!value.is_string()) return Wrong(key, "a string", value);
  *out = value.get<std::string>();
  if (out->find('\0') != std::string::npos) {
    return Wrong(key, "a string without NUL characters", value);
  }
  return absl::OkStatus();
}

absl::Status ReadInteger(absl::string_view key, const Json& value, int64_t low,
                         int64_t high, int64_t* out) {
  const bool fits = value.is_number_integer() &&
                    (!value.is_number_unsigned() ||
                     value.get<uint64_t>() <= static_cast<uint64_t>(high)) &&
                    value.get<int64_t>() >= low && value.get<int64_t>() <= high;
  if (!fits) {
    return Wrong(key, absl::StrCat("an integer from ", low, " to ", high),
                 value);
  }
  *out = value.get<int64_t>();
  return absl::OkStatus();
}

absl::Status ReadFlag(absl::string_view key, const Json& value, bool* out) {
  if (!value.is_boolean()) return Wrong(key, "true or false", value);
  *out = value.get<bool>();
  return absl::OkStatus();
}

/// One key of the object into `options`.
absl::Status ReadKey(const std::string& key, const Json& value,
                     EngineOptions* options) {
  int64_t number = 0;
  if (key == "database") {
    return ReadTextOption(key, value, &options->database_path);
  }
  if (key == "model") {
    return ReadTextOption(key, value, &options->model_directory);
  }
  if (key == "backend") {
    if (value == "cuda") {
      return Wrong(key, "\"onednn\" or \"reference\" (there is no CUDA here)",
                   value);
    }
    if (!IsOneOf(value, {"onednn", "reference", ""})) {
      return Wrong(key, "\"onednn\" or \"reference\"", value);
    }
    return ReadTextOption(key, value, &options->backend);
  }
  if (key == "mode") {
    if (value == "owner") {
      options->mode = EngineOptions::Mode::kOwner;
    } else if (value == "follower") {
      options->mode = EngineOptions::Mode::kFollower;
    } else {
      return Wrong(key, "\"owner\" or \"follower\"", value);
    }
    return absl::OkStatus();
  }
  if (key == "precision") {
    if (!IsOneOf(value, {"f32", "bf16", ""})) {
      return Wrong(key, "\"f32\" or \"bf16\"", value);
    }
    return ReadTextOption(key, value, &options->precision);
  }
  if (key == "threads") {
    ATTUNE_RETURN_IF_ERROR(ReadInteger(key, value, 1, 1024, &number));
    options->threads = static_cast<int>(number);
    return absl::OkStatus();
  }
  if (key == "memory_limit_mb") {
    ATTUNE_RETURN_IF_ERROR(ReadInteger(key, value, 1, 1 << 24, &number));
    options->memory_limit_bytes = static_cast<size_t>(number) << 20;
    return absl::OkStatus();
  }
  if (key == "publish_items_per_second") {
    return ReadInteger(key, value, 0, 1'000'000'000,
                       &options->publish_items_per_second);
  }
  if (key == "refresh_ms") {
    return ReadInteger(key, value, 0, 3'600'000, &options->refresh_ms);
  }
  if (key == "create") {
    return ReadFlag(key, value, &options->create_if_missing);
  }
  if (key == "fill_item_cache") {
    return ReadFlag(key, value, &options->fill_items);
  }
  return absl::InvalidArgumentError(
      absl::StrCat("options: unknown key ", Shown(key), "; known are ", kKeys));
}

/// "line 1, column 7" of a byte, counted from 1.
std::string PlaceOf(size_t byte, std::string_view text) {
  const std::string_view before =
      text.substr(0, std::min(byte > 0 ? byte - 1 : 0, text.size()));
  const size_t line = before.rfind('\n');
  const size_t column =
      before.size() - (line == std::string_view::npos ? 0 : line + 1);
  return absl::StrCat(
      "line ", 1 + std::count(before.begin(), before.end(), '\n'), ", column ",
      1 + column, byte > text.size() ? ", where it ends" : "");
}

/// The text as one JSON object; repeated keys, which nlohmann::json would let
/// the last one win, are errors.
absl::StatusOr<Json> ParseObject(std::string_view text) {
  std::set<std::string> seen;
  std::string repeated, last;
  const auto note_keys = [&](int depth, Json::parse_event_t event, Json& key) {
    if (event == Json::parse_event_t::key && depth == 1) {
      const std::string name = key.get<std::string>();
      if (!seen.insert(name).second && repeated.empty()) repeated = name;
      last = name;
    }
    return true;
  };
  try {
    Json object = Json::parse(text.begin(), text.end(), note_keys);
    if (!object.is_object()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "options: must be a JSON object, not ", object.type_name()));
    }
    if (!repeated.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("options: key ", Shown(repeated), " is given twice"));
    }
    return object;
  } catch (const Json::parse_error& failure) {
    return absl::InvalidArgumentError(absl::StrCat(
        "options: no valid JSON at ", PlaceOf(failure.byte, text),
        last.empty() ? "" : absl::StrCat(", behind key ", Shown(last))));
  } catch (const Json::exception&) {
    return absl::InvalidArgumentError(absl::StrCat(
        "options: ", last.empty() ? "" : absl::StrCat(Shown(last), ": "),
        "a number that is out of range"));
  }
}

}  // namespace

absl::StatusOr<EngineOptions> ParseOpenOptions(std::string_view json) {
  if (json.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("options: ", json.size(), " bytes of JSON, at most ",
                     kMaxJsonBytes, " are taken"));
  }
  ATTUNE_ASSIGN_OR_RETURN(const Json object, ParseObject(json));
  EngineOptions options;
  options.fill_items = true;  // whoever loads the library serves
  for (const auto& [key, value] : object.items()) {
    ATTUNE_RETURN_IF_ERROR(ReadKey(key, value, &options));
  }
  if (options.database_path.empty()) {
    return absl::InvalidArgumentError(
        "options: \"database\" (a directory) is missing or empty");
  }
  return options;
}

}  // namespace attune
