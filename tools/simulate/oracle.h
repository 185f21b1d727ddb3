#pragma once

#include <cstdint>
#include <vector>

#include "base/rng.h"
#include "tools/simulate/reader.h"
#include "tools/simulate/world.h"

namespace attune::simulate {

/// Expected clicks on every item on the reader's next page (not normalised), by
/// drawing that page some hundred times from the reader's true state: as good
/// a forecast of the next click as the logs allow. [items].
std::vector<float> ExpectedClicks(const World& world, const Reader& reader,
                                  Rng& rng);

/// Rank of `item` by `expected` among the items not clicked yet, from 1; ties
/// count half, rounded up.
uint32_t RankOfClick(const std::vector<float>& expected, const Reader& reader,
                     ItemIndex item);

}  // namespace attune::simulate
