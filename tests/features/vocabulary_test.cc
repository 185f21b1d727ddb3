#include "features/vocabulary.h"

#include <gtest/gtest.h>

namespace attune::features {
namespace {

TEST(VocabularyTest, FrequentFirstThenByHash) {
  VocabularyCounter counter;
  std::vector<uint64_t> document;
  for (const std::vector<uint64_t>& hashes :
       std::vector<std::vector<uint64_t>>{{7, 7, 7, 9}, {9, 3, 1}, {9, 3, 7}}) {
    document = hashes;
    counter.AddDocument(document);
  }
  EXPECT_EQ(counter.documents(), 3);
  const Vocabulary vocabulary = counter.Finish(2, 100);
  ASSERT_EQ(vocabulary.rows(), 3);
  EXPECT_EQ(vocabulary.Find(9)->row, 0);
  EXPECT_EQ(vocabulary.Find(3)->row, 1);
  EXPECT_EQ(vocabulary.Find(7)->row, 2);
  EXPECT_EQ(vocabulary.Find(1), nullptr);
  EXPECT_LT(vocabulary.Find(9)->idf, vocabulary.Find(3)->idf);

  const std::vector<uint64_t> always = {100, 101};
  const Vocabulary cut = counter.Finish(1, 3, always);
  EXPECT_EQ(cut.rows(), 3);
  EXPECT_EQ(cut.Find(101)->row, 1);
  EXPECT_EQ(cut.Find(9)->row, 2);
  EXPECT_EQ(cut.Find(3), nullptr);
  EXPECT_EQ(counter.Finish(1, 1, always).rows(), 1);
  EXPECT_EQ(counter.Finish(1, 0).rows(), 0);
}

TEST(VocabularyTest, MemoryIsBoundedAndFrequentHashesStay) {
  VocabularyCounter counter(100);
  std::vector<uint64_t> document;
  for (uint64_t i = 0; i < 10000; ++i) {
    document = {1, 2, 3, 1000 + i};
    counter.AddDocument(document);
  }
  const Vocabulary vocabulary = counter.Finish(1, 1000);
  EXPECT_LE(vocabulary.rows(), 100);
  for (const uint64_t hash : {1, 2, 3}) {
    ASSERT_NE(vocabulary.Find(hash), nullptr);
    EXPECT_EQ(vocabulary.Find(hash)->idf, 1);
  }
}

TEST(VocabularyTest, HexRoundTrip) {
  const auto vocabulary =
      Vocabulary::Create({0, ~uint64_t{0}, 0x0123456789abcdef}, {1, 255, 16});
  ASSERT_TRUE(vocabulary.ok());
  const auto again =
      Vocabulary::FromHex(vocabulary->HashesAsHex(), vocabulary->IdfAsHex());
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->rows(), 3);
  EXPECT_EQ(again->Find(0x0123456789abcdef)->row, 2);
  EXPECT_EQ(again->Find(0x0123456789abcdef)->idf, 16);
  EXPECT_EQ(again->HashesAsHex(), vocabulary->HashesAsHex());
}

TEST(VocabularyTest, RefusesDamage) {
  EXPECT_FALSE(Vocabulary::Create({1, 1}, {2, 2}).ok());
  EXPECT_FALSE(Vocabulary::Create({1, 2}, {2}).ok());
  EXPECT_FALSE(Vocabulary::FromHex("00", "00").ok());
  EXPECT_FALSE(Vocabulary::FromHex("000000000000000g", "00").ok());
  EXPECT_FALSE(Vocabulary::FromHex("0000000000000000", "0").ok());
  EXPECT_TRUE(Vocabulary::FromHex("", "").ok());
}

TEST(VocabularyTest, IdfIsWithinBounds) {
  EXPECT_EQ(QuantisedIdf(0, 0), 1);
  EXPECT_EQ(QuantisedIdf(1000, 1000), 1);
  EXPECT_EQ(QuantisedIdf(int64_t{1} << 62, 1), 255);
  EXPECT_EQ(QuantisedIdf(99, 10), 37);  // 16 ln 10
}

}  // namespace
}  // namespace attune::features
