// The shipped catalogue is what its README says.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/tools/simulate/shop_logs.h"

namespace attune::simulate {
namespace {

std::vector<nlohmann::json> Books() {
  std::vector<nlohmann::json> books;
  for (const std::string& line : Lines(ReadText(BookshopPath()))) {
    books.push_back(nlohmann::json::parse(line));
  }
  return books;
}

/// Unicode code points of valid UTF-8.
size_t Characters(const std::string& text) {
  size_t count = 0;
  for (unsigned char c : text) count += (c & 0xc0) != 0x80;
  return count;
}

TEST(Bookshop, EveryBookHasItsFieldsAndNoOther) {
  for (const nlohmann::json& book : Books()) {
    std::vector<std::string> names;
    for (const auto& entry : book.items()) names.push_back(entry.key());
    EXPECT_THAT(names, ::testing::UnorderedElementsAre(
                           "item_id", "title", "authors", "year", "language",
                           "categories", "tags", "description"));
    EXPECT_FALSE(book["title"].get<std::string>().empty());
    EXPECT_GE(book["authors"].size(), 1u) << book;
    EXPECT_EQ(book["categories"].size(), 1u) << book;
    EXPECT_TRUE(book["year"].is_number_integer()) << book;
    EXPECT_GE(book["year"].get<int>(), -1500) << book;
    EXPECT_LE(book["year"].get<int>(), 1960) << book;
  }
}

TEST(Bookshop, IdsAndBooksAreUnique) {
  std::set<std::string> ids;
  std::set<std::string> titles;
  const auto books = Books();
  EXPECT_EQ(books.size(), 465u);
  for (const nlohmann::json& book : books) {
    EXPECT_TRUE(ids.insert(book["item_id"]).second) << book;
    EXPECT_TRUE(titles.insert(book["title"]).second) << book;
  }
}

TEST(Bookshop, LanguagesAreThere) {
  std::map<std::string, int> count;
  for (const nlohmann::json& book : Books()) ++count[book["language"]];
  EXPECT_EQ(count.size(), 4u);
  EXPECT_GE(count["en"], 300);
  EXPECT_GE(count["zh"], 30);
  EXPECT_GE(count["fr"], 25);
  EXPECT_GE(count["ru"], 25);
}

TEST(Bookshop, TagsComeFromASmallVocabulary) {
  std::map<std::string, int> count;
  std::set<std::string> shelves;
  for (const nlohmann::json& book : Books()) {
    const std::set<std::string> tags = book["tags"];
    EXPECT_EQ(tags.size(), book["tags"].size()) << "repeated tag: " << book;
    EXPECT_GE(tags.size(), 3u) << book;
    EXPECT_LE(tags.size(), 8u) << book;
    for (const std::string& tag : tags) ++count[tag];
    shelves.insert(book["categories"][0]);
  }
  EXPECT_EQ(count.size(), 70u);
  for (const auto& [tag, books] : count) EXPECT_GE(books, 3) << tag;
  EXPECT_EQ(shelves.size(), 11u);
}

TEST(Bookshop, DescriptionsAreOneLineInTheBooksLanguage) {
  for (const nlohmann::json& book : Books()) {
    const std::string text = book["description"];
    EXPECT_EQ(text.find_first_of("\t\r\n"), std::string::npos);
    if (book["language"] == "zh") {
      EXPECT_GE(Characters(text), 25u) << book;
      EXPECT_LE(Characters(text), 60u) << book;
      // Three bytes a character: Chinese, not Latin.
      EXPECT_GT(text.size(), 2 * Characters(text)) << book;
      continue;
    }
    const auto words = std::count(text.begin(), text.end(), ' ') + 1;
    EXPECT_GE(words, 14) << book;
    EXPECT_LE(words, 31) << book;
    if (book["language"] == "ru") {
      EXPECT_GT(2 * text.size(), 3 * Characters(text)) << book;
    }
  }
}

}  // namespace
}  // namespace attune::simulate
