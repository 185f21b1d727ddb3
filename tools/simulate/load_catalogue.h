#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "tools/simulate/catalogue.h"

namespace attune::simulate {

/// Reads a catalogue of JSON lines, plain or gzip. Needed: item_id. Used where
/// present: tags, authors, categories (lists of strings, or one string),
/// language (string), year (integer); all else is ignored, blank lines too.
/// limit: only the first so many items, 0 = all; OutOfRange if there are fewer.
/// Errors name the place: "items.jsonl:12: field "tags": not a list of
/// strings".
/// Titles (strings, read where they are kept) are for searches.
absl::StatusOr<Catalogue> LoadCatalogue(const std::string& path, uint64_t limit,
                                        bool keep_titles = false);

}  // namespace attune::simulate
