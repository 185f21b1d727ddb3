#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/rng.h"
#include "tools/simulate/reader.h"
#include "tools/simulate/world.h"

namespace attune::simulate {

/// One page of the shop, in the order in which it is shown.
struct Page {
  static constexpr int kSlots = 8;
  std::array<ItemIndex, kSlots> items = {};
  int size = 0;  // fewer in a tiny shop

  std::span<const ItemIndex> shown() const {
    return {items.data(), static_cast<size_t>(size)};
  }
};

/// The logging policy: which books a reader is shown. A page answers either a
/// search (the topic of the moment, or the wish to read on) or is the home page
/// (the books of the week, famous ones, a blurred idea of the reader's taste,
/// and chance). Does not change the reader.
Page DrawPage(const World& world, const Reader& reader, Rng& rng);

/// Probability that the reader looks at a place, 0 = the top one. It depends
/// on the place alone: the position bias of the logs.
float ExaminationProbability(int place, float patience);

/// Probability of a click on a book that was looked at, from Reader::Appeal.
float ClickProbability(float appeal);

}  // namespace attune::simulate
