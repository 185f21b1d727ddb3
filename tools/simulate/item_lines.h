#pragma once

#include <string>

#include "tools/simulate/catalogue.h"

namespace attune::simulate {

/// Appends the book as one JSON line, UTF-8 as it is, fields in the order of
/// examples/bookshop/items.jsonl. REQUIRES valid UTF-8.
void AppendItemLine(const BookRecord& book, std::string* out);

}  // namespace attune::simulate
