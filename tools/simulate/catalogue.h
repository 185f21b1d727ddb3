#pragma once

#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"

namespace attune::simulate {

/// An item by its place in the catalogue, from 0.
using ItemIndex = uint32_t;
inline constexpr uint32_t kNone = std::numeric_limits<uint32_t>::max();

/// One book as a catalogue states it.
struct BookRecord {
  std::string item_id;
  std::string title;
  std::vector<std::string> authors;
  int year = 0;  // negative = BC
  std::string language;
  std::vector<std::string> categories;
  std::vector<std::string> tags;
  std::string description;
};

/// Names to dense numbers, in order of first appearance.
class Vocabulary {
 public:
  uint32_t Intern(std::string_view name);
  const std::string& name(uint32_t number) const { return names_[number]; }
  uint32_t size() const { return static_cast<uint32_t>(names_.size()); }

 private:
  std::vector<std::string> names_;
  absl::flat_hash_map<std::string, uint32_t> numbers_;
};

/// The facts of a catalogue that steer readers, as numbers. Titles are kept
/// where searches need them, descriptions never: a million items take about
/// 100 MB without.
/// Const methods are thread-safe.
class Catalogue {
 public:
  explicit Catalogue(bool keep_titles = false) : keep_titles_(keep_titles) {}

  /// InvalidArgument for an empty or repeated item_id, or one with a tab or
  /// line break in it (the outputs are TSV), and for more than 65,535 tags.
  absl::Status Add(const BookRecord& book);

  ItemIndex size() const { return static_cast<ItemIndex>(ids_.size()); }
  const std::string& item_id(ItemIndex item) const { return ids_[item]; }

  /// The item's tags, distinct; valid until the next Add.
  std::span<const uint16_t> tags(ItemIndex item) const {
    return {tags_.data() + tag_begin_[item],
            tag_begin_[item + 1] - tag_begin_[item]};
  }

  /// First author; kNone if the catalogue names none.
  uint32_t author(ItemIndex item) const { return author_[item]; }
  uint32_t language(ItemIndex item) const { return language_[item]; }
  uint32_t category(ItemIndex item) const { return category_[item]; }
  int year(ItemIndex item) const { return year_[item]; }
  /// REQUIRES that titles are kept.
  const std::string& title(ItemIndex item) const { return titles_[item]; }

  uint32_t tag_count() const { return tag_names_.size(); }
  uint32_t author_count() const { return author_names_.size(); }
  const Vocabulary& languages() const { return language_names_; }
  const Vocabulary& categories() const { return category_names_; }
  const Vocabulary& authors() const { return author_names_; }
  const Vocabulary& tag_names() const { return tag_names_; }

 private:
  bool keep_titles_;
  std::vector<std::string> titles_;
  std::vector<std::string> ids_;
  absl::flat_hash_map<std::string, ItemIndex> index_of_;
  std::vector<size_t> tag_begin_ = {0};
  std::vector<uint16_t> tags_;
  std::vector<uint32_t> author_;
  std::vector<uint32_t> language_;
  std::vector<uint32_t> category_;
  std::vector<int> year_;
  Vocabulary tag_names_;
  Vocabulary author_names_;
  Vocabulary language_names_;
  Vocabulary category_names_;
};

}  // namespace attune::simulate
