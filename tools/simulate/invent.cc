#include "tools/simulate/invent.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/rng.h"
#include "tools/simulate/subjects.h"

namespace attune::simulate {
namespace {

constexpr uint64_t kBooksPerAuthor = 6;

struct InventedAuthor {
  std::string name;
  size_t subject = 0;
  size_t shelf = 0;
  size_t language = 0;
};

InventedAuthor InventAuthor(uint64_t seed, uint64_t number) {
  Rng rng(seed ^ (number * 0x9e3779b97f4a7c15ULL + 0x617574686f72ULL));
  InventedAuthor author;
  const auto given = GivenNames();
  const auto family = FamilyNames();
  const std::string_view first = given[rng.Below(given.size())];
  const char middle = static_cast<char>('A' + rng.Below(26));
  const std::string_view last = family[rng.Below(family.size())];
  author.name = fmt::format("{} {}. {}", first, middle, last);
  // The number keeps authors of large shops apart, as in a dynasty.
  if (number >= 1000) author.name += fmt::format(" {}", number / 1000 + 1);
  author.subject = rng.Below(Subjects().size());
  author.shelf = rng.Below(Shelves().size());
  // Six in ten write in English.
  author.language = rng.Bernoulli(0.6) ? 0 : rng.Below(kLanguages.size());
  return author;
}

std::string Title(size_t language, std::string_view a, std::string_view b,
                  std::string_view place) {
  switch (language) {
    case 1:
      return fmt::format("{}的{}与{}", place, a, b);
    case 2:
      return fmt::format("Le livre de {} : {} et {}", place, a, b);
    case 3:
      return fmt::format("{}: {} и {}", place, a, b);
    default:
      return fmt::format("The {} and the {} of {}", a, b, place);
  }
}

std::string Description(size_t language, std::string_view place,
                        std::span<const std::string_view> nouns) {
  const std::string list =
      fmt::format("{}", fmt::join(nouns, language == 1 ? "、" : ", "));
  switch (language) {
    case 1:
      return fmt::format("故事发生在{}，书中写到{}。", place, list);
    case 2:
      return fmt::format("Une histoire de {}, où l'on trouve : {}.", place,
                         list);
    case 3:
      return fmt::format("История из места {}, в которой есть: {}.", place,
                         list);
    default:
      return fmt::format("A story from {} with these in it: {}.", place, list);
  }
}

}  // namespace

BookRecord InventBook(uint64_t seed, uint64_t index, uint64_t items) {
  Rng rng(seed ^ (index * 0xd1342543de82ef95ULL + 0x626f6f6bULL));
  const uint64_t author_count = items / kBooksPerAuthor + 1;
  const InventedAuthor author = InventAuthor(seed, rng.Below(author_count));
  const auto subjects = Subjects();
  // Half of the books are near the author's subject, half wherever; the other
  // tags lie around the first one in the ring.
  const size_t first = rng.Bernoulli(0.5) ? author.subject + rng.Below(3)
                                          : rng.Below(subjects.size());
  const size_t wanted = 3 + rng.Below(3);
  std::vector<size_t> chosen;
  while (chosen.size() < wanted) {
    const size_t near =
        rng.Bernoulli(0.75) ? rng.Below(7) : rng.Below(subjects.size());
    const size_t next = (first + near) % subjects.size();
    if (std::find(chosen.begin(), chosen.end(), next) == chosen.end()) {
      chosen.push_back(next);
    }
  }
  BookRecord book;
  book.item_id = fmt::format("i{:07}", index + 1);
  book.authors = {author.name};
  book.year = 1800 + static_cast<int>(rng.Below(220));
  book.language = kLanguages[author.language];
  const auto shelves = Shelves();
  book.categories = {std::string(
      shelves[rng.Bernoulli(0.8) ? author.shelf : rng.Below(shelves.size())])};
  std::vector<std::string_view> nouns;
  for (size_t subject : chosen) {
    book.tags.emplace_back(subjects[subject].tag);
    nouns.push_back(subjects[subject].nouns[author.language]);
  }
  const auto places = Places(author.language);
  const std::string_view place = places[rng.Below(places.size())];
  book.title = Title(author.language, nouns[0], nouns[1], place);
  book.description = Description(author.language, place, nouns);
  return book;
}

}  // namespace attune::simulate
