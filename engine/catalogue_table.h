#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "engine/catalogue_rows.h"

namespace attune {

/// A catalogue's rows that one writer changes and any number of readers see as
/// immutable views. A change copies the blocks that it touches, once between
/// two views; the others are shared. Rows lie close together: the last one
/// fills the place of a removed one. Not thread-safe; its views are.
class CatalogueTable {
 public:
  explicit CatalogueTable(int64_t width);
  CatalogueTable(const CatalogueTable&) = delete;
  CatalogueTable& operator=(const CatalogueTable&) = delete;

  int64_t rows() const { return rows_; }
  /// Of the blocks, ids and categories; of the newest state, not of old views.
  size_t size_bytes() const;
  /// What a block of CatalogueBlock::kRows rows takes.
  size_t block_bytes() const;

  /// -1 where it is not there. Places are 0 … rows() - 1; Remove changes them.
  int64_t Find(std::string_view id) const;
  CatalogueRow Row(int64_t place) const;

  /// Adds or replaces the row of its id; returns its place.
  int64_t Put(const CatalogueRow& row);
  /// Does nothing for an id that is not there.
  void Remove(std::string_view id);
  void RemoveAt(int64_t place);
  void Clear();

  /// As it is now.
  std::shared_ptr<const CatalogueView> View();

 private:
  /// Places by the id that stands there, so that ids are kept once.
  struct PlaceHash {
    using is_transparent = void;
    const CatalogueTable* table;
    size_t operator()(uint32_t place) const;
    size_t operator()(absl::string_view id) const;
  };
  struct PlaceEqual {
    using is_transparent = void;
    const CatalogueTable* table;
    bool operator()(uint32_t a, uint32_t b) const { return a == b; }
    bool operator()(uint32_t place, absl::string_view id) const;
    bool operator()(absl::string_view id, uint32_t place) const {
      return (*this)(place, id);
    }
  };

  const CatalogueBlock& BlockOf(int64_t place) const {
    return *blocks_[place / CatalogueBlock::kRows];
  }
  /// The block, copied first where a view has it.
  CatalogueBlock& Own(int64_t block);

  const int64_t width_;
  int64_t rows_ = 0;
  size_t text_bytes_ = 0;  ///< long ids and categories
  std::vector<std::shared_ptr<CatalogueBlock>> blocks_;
  std::vector<bool> viewed_;  ///< by block: a view has it
  absl::flat_hash_set<uint32_t, PlaceHash, PlaceEqual> places_;
};

}  // namespace attune
