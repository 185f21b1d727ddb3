#pragma once

#include <array>
#include <span>
#include <string_view>

namespace attune::simulate {

/// Languages of invented books; the columns of Subject::nouns.
inline constexpr std::array<std::string_view, 4> kLanguages = {"en", "zh", "fr",
                                                               "ru"};

/// A subject: the tag, and its noun in each of kLanguages.
struct Subject {
  std::string_view tag;
  std::array<std::string_view, 4> nouns;
};

/// All subjects. Neighbours in the list are related, and the list is a ring.
std::span<const Subject> Subjects();

/// Places where invented books are set, in one of kLanguages.
std::span<const std::string_view> Places(size_t language);

/// Parts of authors' names.
std::span<const std::string_view> GivenNames();
std::span<const std::string_view> FamilyNames();

/// Shelves.
std::span<const std::string_view> Shelves();

}  // namespace attune::simulate
