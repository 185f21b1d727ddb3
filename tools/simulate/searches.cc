#include "tools/simulate/searches.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string_view>
#include <vector>

namespace attune::simulate {
namespace {

constexpr double kAuthorShare = 0.2;
constexpr double kSubjectShare = 0.1;
constexpr double kTitleAndAuthorShare = 0.15;
constexpr double kTypoShare = 0.15;
constexpr double kCutShare = 0.1;
constexpr size_t kLeastLetters = 4;  // of a word that is mistyped
constexpr size_t kMostTitleWords = 3;

bool IsLetter(char c) {
  return (static_cast<unsigned char>(c) & 0x80) != 0 ||
         std::isalnum(static_cast<unsigned char>(c)) != 0;
}

bool IsAscii(std::string_view word) {
  return std::all_of(word.begin(), word.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0x80) == 0;
  });
}

/// Runs of letters, ASCII ones in lower case; scripts without blanks stay
/// whole.
std::vector<std::string> Words(std::string_view text) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : text) {
    if (IsLetter(c)) {
      word += static_cast<char>(
          (static_cast<unsigned char>(c) & 0x80) != 0 ? c : std::tolower(c));
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

/// Up to three neighbouring words, a long one among them.
std::vector<std::string> SomeTitleWords(const std::vector<std::string>& title,
                                        Rng& rng) {
  const size_t count =
      std::min(title.size(), size_t{1} + rng.Below(kMostTitleWords));
  std::vector<size_t> starts;
  for (size_t i = 0; i + count <= title.size(); ++i) {
    const bool telling = std::any_of(
        title.begin() + static_cast<std::ptrdiff_t>(i),
        title.begin() + static_cast<std::ptrdiff_t>(i + count),
        [](const std::string& word) { return word.size() >= kLeastLetters; });
    if (telling) starts.push_back(i);
  }
  const size_t start = starts.empty() ? 0 : starts[rng.Below(starts.size())];
  const auto begin = title.begin() + static_cast<std::ptrdiff_t>(start);
  return {begin, begin + static_cast<std::ptrdiff_t>(count)};
}

/// A letter lost, doubled, swapped with the next or another one.
void Mistype(std::string& word, Rng& rng) {
  const size_t at = 1 + rng.Below(word.size() - 2);
  switch (rng.Below(4)) {
    case 0:
      word.erase(at, 1);
      break;
    case 1:
      word.insert(at, 1, word[at]);
      break;
    case 2:
      std::swap(word[at], word[at + 1]);
      break;
    default:
      word[at] = static_cast<char>('a' + rng.Below(26));
  }
}

}  // namespace

std::string DrawQuery(const Catalogue& catalogue, ItemIndex item, Rng& rng) {
  const std::vector<std::string> title = Words(catalogue.title(item));
  const uint32_t author = catalogue.author(item);
  const std::vector<std::string> names =
      author == kNone ? std::vector<std::string>()
                      : Words(catalogue.authors().name(author));
  double kind = rng.Uniform();
  std::vector<std::string> words;
  if (kind < kAuthorShare && !names.empty()) {
    words = rng.Bernoulli(0.5) ? names : std::vector<std::string>{names.back()};
  } else if (kind < kAuthorShare + kSubjectShare &&
             !catalogue.tags(item).empty()) {
    const auto tags = catalogue.tags(item);
    words = Words(catalogue.tag_names().name(tags[rng.Below(tags.size())]));
  } else if (!title.empty()) {
    words = SomeTitleWords(title, rng);
    kind -= kAuthorShare + kSubjectShare;
    if (kind < kTitleAndAuthorShare && !names.empty()) {
      words.push_back(names.back());
    }
  } else {
    words = names;
  }
  if (words.empty()) return "";
  std::string& one = words[rng.Below(words.size())];
  if (rng.Bernoulli(kTypoShare) && one.size() >= kLeastLetters &&
      IsAscii(one)) {
    Mistype(one, rng);
  }
  std::string& last = words.back();
  if (rng.Bernoulli(kCutShare) && last.size() > kLeastLetters &&
      IsAscii(last)) {
    last.resize(3 + rng.Below(last.size() - 3));
  }
  std::string query;
  for (const std::string& word : words) {
    if (!query.empty()) query += ' ';
    query += word;
  }
  return query;
}

void AddSearches(const Catalogue& catalogue, double share, Rng& rng,
                 ReaderLog* log) {
  std::map<uint32_t, std::vector<Event*>> pages;
  for (Event& event : log->events) {
    if (!event.is_return) pages[event.page].push_back(&event);
  }
  for (auto& [number, shown] : pages) {
    if (!rng.Bernoulli(share)) continue;
    const auto clicked =
        std::find_if(shown.begin(), shown.end(),
                     [](const Event* event) { return event->clicked; });
    const Event& wanted =
        **(clicked != shown.end()
               ? clicked
               : shown.begin() +
                     static_cast<std::ptrdiff_t>(rng.Below(shown.size())));
    const std::string query = DrawQuery(catalogue, wanted.item, rng);
    for (Event* event : shown) event->query = query;
  }
}

}  // namespace attune::simulate
