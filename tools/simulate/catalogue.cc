#include "tools/simulate/catalogue.h"

#include <fmt/format.h>

#include <algorithm>

namespace attune::simulate {

uint32_t Vocabulary::Intern(std::string_view name) {
  auto [it, inserted] = numbers_.try_emplace(std::string(name), names_.size());
  if (inserted) names_.emplace_back(name);
  return it->second;
}

absl::Status Catalogue::Add(const BookRecord& book) {
  if (book.item_id.empty()) {
    return absl::InvalidArgumentError("field \"item_id\": empty");
  }
  if (book.item_id.find_first_of("\t\n\r") != std::string::npos) {
    return absl::InvalidArgumentError(
        "field \"item_id\": holds a tab or a line break");
  }
  auto [it, inserted] = index_of_.try_emplace(book.item_id, size());
  if (!inserted) {
    return absl::InvalidArgumentError(
        fmt::format("field \"item_id\": \"{}\" is already item number {}",
                    book.item_id, it->second + 1));
  }
  const size_t first = tags_.size();
  for (const std::string& tag : book.tags) {
    const uint32_t number = tag_names_.Intern(tag);
    if (number > std::numeric_limits<uint16_t>::max()) {
      return absl::InvalidArgumentError(
          "field \"tags\": the catalogue has more than 65535 distinct tags");
    }
    const auto narrow = static_cast<uint16_t>(number);
    if (std::find(tags_.begin() + first, tags_.end(), narrow) == tags_.end()) {
      tags_.push_back(narrow);
    }
  }
  tag_begin_.push_back(tags_.size());
  author_.push_back(
      book.authors.empty() ? kNone : author_names_.Intern(book.authors[0]));
  language_.push_back(language_names_.Intern(book.language));
  category_.push_back(category_names_.Intern(
      book.categories.empty() ? std::string_view() : book.categories[0]));
  year_.push_back(book.year);
  if (keep_titles_) titles_.push_back(book.title);
  ids_.push_back(book.item_id);
  return absl::OkStatus();
}

}  // namespace attune::simulate
