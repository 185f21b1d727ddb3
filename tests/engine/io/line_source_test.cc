#include "engine/io/line_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "temp_files.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class LineSourceTest : public TempFilesTest {
 protected:
  // The lines up to the end or the first error, whose status is kept.
  std::vector<std::string> Lines(const std::string& path,
                                 size_t max_line_bytes = 1 << 20) {
    std::vector<std::string> lines;
    auto source = LineSource::Open(path, max_line_bytes);
    status_ = source.status();
    if (!source.ok()) return lines;
    std::string_view line;
    while (true) {
      const absl::StatusOr<bool> has_line = (*source)->Next(&line);
      status_ = has_line.status();
      if (!has_line.ok() || !*has_line) return lines;
      lines.emplace_back(line);
    }
  }
  std::string message() const { return std::string(status_.message()); }

  absl::Status status_;
};

TEST_F(LineSourceTest, SplitsAtLineFeeds) {
  EXPECT_THAT(Lines(WriteFile("a", "one\ntwo\n\nfour")),
              ElementsAre("one", "two", "", "four"));
  EXPECT_TRUE(status_.ok());
  EXPECT_THAT(Lines(WriteFile("b", "")), ElementsAre());
  EXPECT_TRUE(status_.ok());
  EXPECT_THAT(Lines(WriteFile("c", "\n")), ElementsAre(""));
}

TEST_F(LineSourceTest, DropsCarriageReturnsAndByteOrderMark) {
  EXPECT_THAT(Lines(WriteFile("a", "\xef\xbb\xbfone\r\nt\rwo\r\n")),
              ElementsAre("one", "t\rwo"));
  EXPECT_THAT(Lines(WriteFile("b", "\xef\xbb\xbf")), ElementsAre());
}

TEST_F(LineSourceTest, ReadsGzipByContentWithSeveralMembersAndPadding) {
  const std::string bytes =
      Gzip("one\ntw") + Gzip("o\nthree\n") + std::string(100, '\0');
  EXPECT_THAT(Lines(WriteFile("a.gz", bytes)),
              ElementsAre("one", "two", "three"));
  EXPECT_TRUE(status_.ok()) << status_;
  EXPECT_THAT(Lines(WriteFile("named_otherwise", bytes)),
              ElementsAre("one", "two", "three"));
}

TEST_F(LineSourceTest, TruncatedGzipIsDataLossAtItsLine) {
  std::string text;
  Rng rng(3);
  for (int i = 0; i < 20000; ++i) text += StrCat(rng.Next(), "\n");
  const std::string bytes = Gzip(text);
  const std::string path = WriteFile(
      "a.tsv.gz", std::string_view(bytes).substr(0, bytes.size() / 2));
  const std::vector<std::string> lines = Lines(path);
  EXPECT_GT(lines.size(), 1000u);
  EXPECT_LT(lines.size(), 19000u);
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  EXPECT_THAT(message(), HasSubstr(StrCat("a.tsv.gz:", lines.size() + 1,
                                          ": gzip data is truncated")));
}

TEST_F(LineSourceTest, CorruptGzipIsDataLoss) {
  std::string text;
  Rng rng(4);
  for (int i = 0; i < 20000; ++i) text += StrCat(rng.Next(), "\n");
  std::string bytes = Gzip(text);
  bytes[bytes.size() - 6] ^= 1;  // of the checksum
  Lines(WriteFile("checksum.gz", bytes));
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  EXPECT_THAT(message(), HasSubstr("gzip data is corrupt"));
  Lines(WriteFile("plain.gz", "one\ntwo\n"));
  EXPECT_TRUE(absl::IsDataLoss(status_)) << status_;
  EXPECT_THAT(message(), HasSubstr("plain.gz: ends in .gz but is not gzip"));
}

TEST_F(LineSourceTest, RefusesWhatIsNoTextFile) {
  Lines(Path("absent"));
  EXPECT_TRUE(absl::IsNotFound(status_)) << status_;
  Lines(directory());
  EXPECT_TRUE(absl::IsInvalidArgument(status_)) << status_;
  EXPECT_THAT(message(), HasSubstr("is a directory"));
  Lines(WriteFile("wide.tsv", std::string_view("\xff\xfe"
                                               "a\0\n\0",
                                               6)));
  EXPECT_THAT(message(), HasSubstr("wide.tsv:1: is UTF-16"));
}

TEST_F(LineSourceTest, LongLineIsARowErrorAndTheNextLineFollows) {
  for (const size_t length : {101u, 1000u, 600'000u}) {
    const std::string path =
        WriteFile("a", StrCat("one\n", std::string(length, 'x'), "\nthree\n"));
    auto source = LineSource::Open(path, 100);
    ASSERT_TRUE(source.ok());
    std::string_view line;
    EXPECT_TRUE((*source)->Next(&line).value());
    const absl::StatusOr<bool> too_long = (*source)->Next(&line);
    EXPECT_TRUE(absl::IsInvalidArgument(too_long.status()));
    EXPECT_THAT(std::string(too_long.status().message()),
                HasSubstr("a:2: line is longer than 100 bytes"));
    EXPECT_TRUE((*source)->Next(&line).value());
    EXPECT_EQ(line, "three");
    EXPECT_EQ((*source)->line_number(), 3);
    EXPECT_FALSE((*source)->Next(&line).value());
  }
  EXPECT_EQ(Lines(WriteFile("b", std::string(100, 'x')), 100).size(), 1u);
}

TEST_F(LineSourceTest, AnyPositionCanBeContinuedFrom) {
  std::string text = "\xef\xbb\xbf";
  Rng rng(5);
  for (int i = 0; i < 3000; ++i) {
    text += std::string(rng.Below(400), 'a' + i % 26) +
            (rng.Bernoulli(0.5) ? "\r\n" : "\n");
  }
  text += "last";
  for (const std::string& path :
       {WriteFile("a", text), WriteFile("b.gz", Gzip(text))}) {
    const std::vector<std::string> all = Lines(path);
    ASSERT_EQ(all.size(), 3001u);
    auto first = LineSource::Open(path);
    std::string_view line;
    for (size_t i = 0; i < all.size(); ++i) {
      ASSERT_TRUE((*first)->Next(&line).value());
      if (i % 251 != 0) continue;
      auto second = LineSource::Open(path);
      ASSERT_TRUE((*second)->SkipTo((*first)->position()).ok());
      std::string_view next;
      ASSERT_TRUE((*second)->Next(&next).value());
      EXPECT_EQ(next, all[i + 1]);
      EXPECT_EQ((*second)->line_number(), static_cast<int64_t>(i) + 2);
    }
    auto beyond = LineSource::Open(path);
    EXPECT_TRUE(absl::IsOutOfRange(
        (*beyond)->SkipTo({static_cast<int64_t>(text.size()) + 1, 1})));
  }
}

}  // namespace
}  // namespace attune
