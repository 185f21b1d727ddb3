#include "engine/rank/json_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <nlohmann/json.hpp>

namespace attune {

void AppendJsonString(std::string_view text, std::string* out) {
  const bool plain = std::all_of(text.begin(), text.end(), [](char c) {
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
  });
  if (plain) {  // nearly every id
    out->push_back('"');
    out->append(text);
    out->push_back('"');
    return;
  }
  using Json = nlohmann::json;
  out->append(Json(std::string(text))
                  .dump(-1, ' ', false, Json::error_handler_t::replace));
}

void AppendJsonNumber(double number, std::string* out) {
  if (std::isfinite(number)) {
    AppendNumber(number, out);
  } else {
    out->append("null");
  }
}

void AppendNumber(double number, std::string* out) {
  const size_t begin = out->size();
  fmt::format_to(std::back_inserter(*out), "{}", number);
  // "2.0" for 2: many readers take a number without a point for an integer,
  // which has no -0 and gives a column two types.
  if (std::isfinite(number) &&
      out->find_first_of(".e", begin) == std::string::npos) {
    out->append(".0");
  }
}

}  // namespace attune
