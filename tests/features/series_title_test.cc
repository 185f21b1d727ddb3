#include "features/series_title.h"

#include <gtest/gtest.h>

#include "features/tokenizer.h"

namespace attune::features {
namespace {

SeriesTitle Read(std::string_view title) {
  const auto tokenizer = *Tokenizer::Create();
  std::vector<std::string> words, bracket_words;
  const BracketedTitle parts = SplitBrackets(title);
  tokenizer->Words(parts.before, &words);
  tokenizer->Words(parts.inside, &bracket_words);
  return ReadSeriesTitle(words, bracket_words);
}

struct Case {
  const char* title;
  const char* name;
  int number;
};

class SeriesTitleCases : public ::testing::TestWithParam<Case> {};

TEST_P(SeriesTitleCases, Reads) {
  const SeriesTitle series = Read(GetParam().title);
  EXPECT_EQ(series.name, GetParam().name) << GetParam().title;
  EXPECT_EQ(series.number, GetParam().number) << GetParam().title;
}

INSTANTIATE_TEST_SUITE_P(
    Titles, SeriesTitleCases,
    ::testing::Values(
        Case{"Catching Fire (The Hunger Games, #2)", "the hunger games", 2},
        Case{"A Game of Thrones (A Song of Ice and Fire #1)",
             "a song of ice and fire", 1},
        Case{"Box Set (Harry Potter, #1-7)", "harry potter", 0},
        Case{"Novella (Divergent, #2.5)", "divergent", 2},
        Case{"Toy Story (1995)", "toy story", 0},
        Case{"Toy Story 2 (1999)", "toy story", 2},
        Case{"Rocky IV", "rocky", 4}, Case{"Sandman, Vol. 3", "sandman", 3},
        Case{"Война и мир. Том 2", "война и мир", 2},
        Case{"Ведьмак (том 2)", "ведьмак", 2}, Case{"1984", "1984", 0},
        Case{"Blade Runner 2049", "blade runner 2049", 0}, Case{"", "", 0},
        Case{"()", "", 0}, Case{")(", "", 0},
        Case{"Item 99999999999999999999", "item 99999999999999999999", 0},
        Case{"Title (Paperback)", "title", 0}));

TEST(SeriesTitleTest, ChineseVolumes) {
  // How the name is cut into words is ICU's business.
  EXPECT_EQ(Read("三体 (第2卷)").number, 2);
  EXPECT_EQ(Read("三体 (第2卷)").name, Read("三体").name);
  EXPECT_EQ(Read("三体（第2卷）").number, 2);
}

}  // namespace
}  // namespace attune::features
