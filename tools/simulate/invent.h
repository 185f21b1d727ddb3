#pragma once

#include <cstdint>

#include "tools/simulate/catalogue.h"

namespace attune::simulate {

/// The item number `index` of an invented shop of `items` items: the same
/// (seed, index, items) gives the same book, so that a shop of any size need
/// never be held as text. Tags, title and description agree in subject and
/// language; about six books share an author, an author keeps to a subject
/// and a language.
BookRecord InventBook(uint64_t seed, uint64_t index, uint64_t items);

}  // namespace attune::simulate
