#pragma once

#include <string>

#include "base/rng.h"
#include "tools/simulate/catalogue.h"
#include "tools/simulate/session.h"

namespace attune::simulate {

/// What somebody types who looks for this item: some words of its title, its
/// author, a subject, or of two of them; at times cut short or with a letter
/// wrong. REQUIRES a catalogue that keeps titles. Empty where the catalogue
/// tells nothing.
std::string DrawQuery(const Catalogue& catalogue, ItemIndex item, Rng& rng);

/// Makes a share of the pages the answer to a search: all that was shown on
/// such a page has the query of the item that was clicked first, or of one that
/// was shown in vain. Changes nothing else.
void AddSearches(const Catalogue& catalogue, double share, Rng& rng,
                 ReaderLog* log);

}  // namespace attune::simulate
