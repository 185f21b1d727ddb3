#pragma once

#include <string>
#include <string_view>

namespace attune {

/// Appends `text` as a JSON string, quotes included. Bytes that are not UTF-8
/// become U+FFFD, since JSON cannot hold them.
void AppendJsonString(std::string_view text, std::string* out);

/// Appends the shortest decimal that reads back as the same double; `null` for
/// NaN and infinities, which JSON does not have.
void AppendJsonNumber(double number, std::string* out);

/// The same for text that is no JSON: "nan", "inf" and "-inf" as such.
void AppendNumber(double number, std::string* out);

}  // namespace attune
