#include "engine/catalogue_table.h"

#include <cassert>
#include <string>

#include "base/strings.h"

namespace attune {
namespace {

constexpr int64_t kRows = CatalogueBlock::kRows;

/// What a row takes outside of its block's fixed size; a short string lies in
/// the object itself.
size_t TextBytes(const CatalogueRow& row) {
  return (row.id.size() > 15 ? row.id.size() + 16 : 0) +
         row.categories.size_bytes();
}

/// Of a slot in the set of places, at a load of 7/16 to 7/8.
constexpr size_t kPlaceBytes = 10;

}  // namespace

size_t CatalogueTable::PlaceHash::operator()(uint32_t place) const {
  return table->BlockOf(place).id_hashes[place % kRows];
}

size_t CatalogueTable::PlaceHash::operator()(absl::string_view id) const {
  return CatalogueHash(ToStd(id));
}

bool CatalogueTable::PlaceEqual::operator()(uint32_t place,
                                            absl::string_view id) const {
  return table->BlockOf(place).ids[place % kRows] == ToStd(id);
}

CatalogueTable::CatalogueTable(int64_t width)
    : width_(width), places_(0, PlaceHash{this}, PlaceEqual{this}) {}

size_t CatalogueTable::size_bytes() const {
  return blocks_.size() * block_bytes() + kPlaceBytes * rows_ + text_bytes_;
}

size_t CatalogueTable::block_bytes() const {
  return sizeof(CatalogueBlock) + sizeof(float) * kRows * width_;
}

int64_t CatalogueTable::Find(std::string_view id) const {
  const auto found = places_.find(absl::string_view(id.data(), id.size()));
  return found == places_.end() ? -1 : static_cast<int64_t>(*found);
}

CatalogueRow CatalogueTable::Row(int64_t place) const {
  return BlockOf(place).Row(place % kRows);
}

CatalogueBlock& CatalogueTable::Own(int64_t block) {
  if (viewed_[block]) {
    blocks_[block] = std::make_shared<CatalogueBlock>(*blocks_[block]);
    viewed_[block] = false;
  }
  return *blocks_[block];
}

int64_t CatalogueTable::Put(const CatalogueRow& row) {
  int64_t place = Find(row.id);
  const bool fresh = place < 0;
  if (fresh) {
    place = rows_;
    if (place == static_cast<int64_t>(blocks_.size()) * kRows) {
      blocks_.push_back(std::make_shared<CatalogueBlock>(width_));
      viewed_.push_back(false);
    }
  } else {
    text_bytes_ -= TextBytes(Row(place));
  }
  Own(place / kRows).Set(place % kRows, row);
  text_bytes_ += TextBytes(row);
  if (fresh) {
    ++rows_;
    places_.insert(static_cast<uint32_t>(place));
  }
  return place;
}

void CatalogueTable::Remove(std::string_view id) {
  const int64_t place = Find(id);
  if (place >= 0) RemoveAt(place);
}

void CatalogueTable::RemoveAt(int64_t place) {
  assert(place < rows_);
  const int64_t last = rows_ - 1;
  text_bytes_ -= TextBytes(Row(place));
  places_.erase(static_cast<uint32_t>(place));
  if (place != last) {
    places_.erase(static_cast<uint32_t>(last));
    Own(place / kRows).Set(place % kRows, Row(last));
    places_.insert(static_cast<uint32_t>(place));
  }
  Own(last / kRows).Pop();
  rows_ = last;
  if (rows_ % kRows == 0) {
    blocks_.pop_back();
    viewed_.pop_back();
  }
}

void CatalogueTable::Clear() {
  places_.clear();
  blocks_.clear();
  viewed_.clear();
  rows_ = 0;
  text_bytes_ = 0;
}

std::shared_ptr<const CatalogueView> CatalogueTable::View() {
  auto view = std::make_shared<CatalogueView>();
  view->blocks.assign(blocks_.begin(), blocks_.end());
  view->rows = rows_;
  viewed_.assign(viewed_.size(), true);
  return view;
}

}  // namespace attune
