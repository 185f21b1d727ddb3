#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace attune::features {

/// A title's place in a series: books, films, episodes, volumes.
struct SeriesTitle {
  /// Words of the series' name joined by blanks; the whole title where it names
  /// no number, so that "Toy Story" and "Toy Story 2" share it. Empty: no
  /// words.
  std::string name;
  int32_t number = 0;  ///< 1 to 9999; 0: none
};

/// Reads the words (Tokenizer::Words) of a title and of its last bracketed part
/// (empty where there is none): "Catching Fire (The Hunger Games, #2)" is
/// number 2 of "the hunger games". A year in brackets is left out; words like
/// "vol" or "book" before the number are no part of the name. Roman numerals
/// from II to XX count at the end of a title only.
SeriesTitle ReadSeriesTitle(const std::vector<std::string>& title_words,
                            const std::vector<std::string>& bracket_words);

/// The text within the last pair of (), [] or （） of a title, and the title
/// without it. Views `title`.
struct BracketedTitle {
  std::string_view before;
  std::string_view inside;
};
BracketedTitle SplitBrackets(std::string_view title);

}  // namespace attune::features
