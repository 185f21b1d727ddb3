#include "engine/io/json_file.h"

#include <nlohmann/json.hpp>
#include <set>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

using Json = nlohmann::json;

constexpr int kMaxDepth = 64;

// Thrown out of the parser's callback only, caught below.
struct Refused {
  std::string message;
};

}  // namespace

absl::StatusOr<Json> ParseJson(std::string_view text, std::string_view source) {
  std::vector<std::set<std::string>> keys;  // of the objects around the place
  const Json::parser_callback_t check =
      [&](int depth, Json::parse_event_t event, Json& parsed) {
        if (depth > kMaxDepth) {
          throw Refused{StrCat("is nested deeper than ", kMaxDepth)};
        }
        if (event == Json::parse_event_t::object_start) keys.emplace_back();
        if (event == Json::parse_event_t::object_end) keys.pop_back();
        if (event == Json::parse_event_t::key) {
          const std::string& key = parsed.get_ref<const std::string&>();
          if (!keys.back().insert(key).second) {
            throw Refused{StrCat("key ", Excerpt(key), " is there twice")};
          }
        }
        return true;
      };
  try {
    return Json::parse(text.begin(), text.end(), check);
  } catch (const Refused& refused) {
    return absl::InvalidArgumentError(StrCat(source, ": ", refused.message));
  } catch (const Json::exception& error) {
    // "[json.exception.parse_error.101] parse error at line 3, column 2: …"
    std::string_view what = error.what();
    if (const size_t end = what.find("] "); end != std::string_view::npos) {
      what.remove_prefix(end + 2);
    }
    return absl::InvalidArgumentError(StrCat(source, ": broken JSON: ", what));
  }
}

absl::StatusOr<Json> ReadJsonFile(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(path));
  return ParseJson(text, path);
}

absl::Status WriteJsonFile(const std::string& path, const Json& value) {
  return WriteTextFile(
      path, value.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

absl::Status CheckKeys(const Json& object,
                       std::initializer_list<std::string_view> known,
                       std::string_view where) {
  if (!object.is_object()) {
    return absl::InvalidArgumentError(StrCat(where, ": an object is expected"));
  }
  for (const auto& item : object.items()) {
    bool found = false;
    for (std::string_view name : known) found = found || name == item.key();
    if (!found) {
      return absl::InvalidArgumentError(
          StrCat(where, ": unknown key ", Excerpt(item.key())));
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
