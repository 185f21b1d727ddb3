#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "tools/simulate/catalogue.h"
#include "tools/simulate/weights.h"

namespace attune::simulate {

/// The hidden facts of the shop, drawn from the seed: how famous and how good
/// each book is, which book follows which, what the seasons favour. Keeps a
/// reference to the catalogue. Thread-safe after construction.
class World {
 public:
  /// REQUIRES catalogue.size() > 0; the catalogue outlives the World.
  World(const Catalogue& catalogue, uint64_t seed);

  const Catalogue& catalogue() const { return catalogue_; }

  /// By fame: Zipf with exponent 1 over a random order.
  ItemIndex DrawFamous(Rng& rng) const;

  /// An item with this tag, by fame to the power 0.6.
  ItemIndex DrawWithTag(uint16_t tag, Rng& rng) const;

  ItemIndex DrawAny(Rng& rng) const {
    return static_cast<ItemIndex>(rng.Below(catalogue_.size()));
  }

  /// The author's items by year; empty for kNone.
  std::span<const ItemIndex> ItemsBy(uint32_t author) const;

  /// The book that readers go on to after this one: the author's next, or a
  /// related one in the same language; kNone if there is no such book.
  ItemIndex Successor(ItemIndex item) const { return successor_[item]; }

  /// Normal with mean 0.
  float Quality(ItemIndex item) const { return quality_[item]; }

  /// What the time of year adds to an item's appeal, about -0.3 to 0.3.
  float Season(ItemIndex item, int64_t time_s) const;

  /// Books of the week, by language: what the table by the door shows and the
  /// newspapers talk about.
  static constexpr uint32_t kTableBooks = 6;
  /// Number `place` (below kTableBooks) on the table of a language's books;
  /// REQUIRES that the catalogue has a book in it. May repeat in a small shop.
  ItemIndex OnTable(uint32_t language, int64_t time_s, uint32_t place) const;
  /// Whether it lies on its language's table.
  bool IsOnTable(ItemIndex item, int64_t time_s) const;

  /// How much an age band takes to a category.
  float AgeEffect(uint32_t age_band, uint32_t category) const {
    return age_effect_[age_band * catalogue_.categories().size() + category];
  }

  static constexpr uint32_t kAgeBands = 6;

 private:
  void ListTags(const std::vector<float>& fame);
  void ListLanguages();
  void ListAuthors();
  ItemIndex FindRelated(ItemIndex item) const;

  const Catalogue& catalogue_;
  std::vector<float> quality_;
  std::vector<float> season_phase_;  // per tag
  std::vector<float> age_effect_;    // [kAgeBands, categories]
  ListSampler fame_sampler_;

  std::vector<size_t> tag_begin_;  // per tag, into tag_items_
  std::vector<ItemIndex> tag_items_;
  ListSampler tag_sampler_;

  std::vector<size_t> language_begin_;  // per language, into language_items_
  std::vector<ItemIndex> language_items_;
  uint64_t table_seed_ = 0;

  std::vector<size_t> author_begin_;  // per author, into author_items_
  std::vector<ItemIndex> author_items_;
  std::vector<ItemIndex> successor_;
};

}  // namespace attune::simulate
