#include "features/tokenizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "base/rng.h"
#include "features/utf8.h"

namespace attune::features {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TokenizerTest : public ::testing::Test {
 protected:
  std::vector<std::string> Words(std::string_view text) {
    std::vector<std::string> words = {"left over"};
    tokenizer_->Words(text, &words);
    return words;
  }
  std::unique_ptr<Tokenizer> tokenizer_ = *Tokenizer::Create();
};

TEST_F(TokenizerTest, Languages) {
  EXPECT_THAT(Words("The Hunger Games (#1)"),
              ElementsAre("the", "hunger", "games", "1"));
  EXPECT_THAT(Words("L'Étranger, naïve façade"),
              ElementsAre("l'étranger", "naïve", "façade"));
  EXPECT_THAT(Words("Война и мир. Том 1"),
              ElementsAre("война", "и", "мир", "том", "1"));
  EXPECT_THAT(Words("红楼梦是中国古典小说"), Contains("小说"));
  EXPECT_GE(Words("红楼梦是中国古典小说").size(), 4u);
  EXPECT_THAT(Words("東京に行きました"), Contains("東京"));
  EXPECT_THAT(Words("สวัสดีชาวโลก"), ElementsAre("สวัสดี", "ชาว", "โลก"));
  EXPECT_THAT(Words("MASSE Straße"), ElementsAre("masse", "strasse"));
  EXPECT_THAT(Words("great 🎉🚀 book"),
              ElementsAre("great", "🎉", "🚀", "book"));
}

TEST_F(TokenizerTest, CompatibilityFormsAreOne) {
  // Full-width letters, a ligature, composed and decomposed accents.
  EXPECT_EQ(Words("ＡＢＣ ﬁsh"), Words("abc fish"));
  EXPECT_EQ(Words("caf\xc3\xa9"), Words("cafe\xcc\x81"));
  EXPECT_EQ(tokenizer_->Normalise("  A\t\n B\xc2\xa0 c "), "a b c");
}

TEST_F(TokenizerTest, NothingToSay) {
  EXPECT_THAT(Words(""), IsEmpty());
  EXPECT_THAT(Words(" \t\n"), IsEmpty());
  EXPECT_THAT(Words("?!... --- «»"), IsEmpty());
  EXPECT_THAT(tokenizer_->TokenizeText(""), IsEmpty());
}

TEST_F(TokenizerTest, InvalidUtf8IsReplaced) {
  EXPECT_THAT(Words("good\xff\xfe word\xc3"), ElementsAre("good", "word"));
  EXPECT_TRUE(IsValidUtf8(tokenizer_->Normalise("a\x80\xed\xa0\x80z")));
  EXPECT_THAT(Words(std::string_view("a\0b", 3)), ElementsAre("a", "b"));
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(rng.Below(40), '\0');
    for (char& byte : bytes) byte = static_cast<char>(rng.Below(256));
    for (const std::string& token : tokenizer_->TokenizeText(bytes)) {
      EXPECT_TRUE(IsValidUtf8(token));
      EXPECT_FALSE(token.empty());
    }
  }
}

TEST_F(TokenizerTest, Ngrams) {
  std::vector<std::string> grams;
  AppendCharacterNgrams("cat", 3, &grams);
  EXPECT_THAT(grams, ElementsAre("<ca", "cat", "at>"));
  grams.clear();
  AppendCharacterNgrams("cat", 5, &grams);  // the whole
  EXPECT_THAT(grams, IsEmpty());
  AppendCharacterNgrams("мир", 4, &grams);
  EXPECT_THAT(grams, ElementsAre("<мир", "мир>"));
  EXPECT_THAT(tokenizer_->TokenizeText("cat"),
              ElementsAre("cat", "<ca", "cat", "at>", "<cat", "cat>"));
}

TEST_F(TokenizerTest, IsBounded) {
  const auto small = Tokenizer::Create(
      {.max_bytes = 1000, .max_words = 5, .max_word_characters = 4});
  ASSERT_TRUE(small.ok());
  std::vector<std::string> words;
  std::string text;
  for (int i = 0; i < 10000; ++i) text += "иванович ";
  (*small)->Words(text, &words);
  EXPECT_THAT(words, ElementsAre("иван", "иван", "иван", "иван", "иван"));
  (*small)->Words(std::string(5'000'000, 'x'), &words);
  EXPECT_THAT(words, ElementsAre("xxxx"));
  // A cut through a character does not make an invalid one.
  EXPECT_EQ(CutUtf8("aé", 2), "a");
  EXPECT_EQ(CutUtf8("aé", 3), "aé");
  EXPECT_EQ(CutUtf8("\x80\x80\x80\x80\x80", 4).size(), 1u);
}

TEST_F(TokenizerTest, ClonesWorkBesideEachOther) {
  const std::vector<std::string> expected = Words("红楼梦是中国古典小说 book");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t) {
    auto clone = tokenizer_->Clone();
    ASSERT_TRUE(clone.ok());
    threads.emplace_back(
        [&wrong, &expected, t, own = *std::move(clone)]() mutable {
          std::vector<std::string> words;
          for (int i = 0; i < 200; ++i) {
            own->Words("红楼梦是中国古典小说 book", &words);
            wrong[t] += words != expected;
          }
        });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, ElementsAre(0, 0, 0, 0));
}

}  // namespace
}  // namespace attune::features
