#include "engine/io/line_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "engine/io/line_source.h"
#include "temp_files.h"

namespace attune {
namespace {

class LineWriterTest : public TempFilesTest {
 protected:
  size_t FilesInDirectory() const {
    size_t count = 0;
    for ([[maybe_unused]] const auto& entry :
         std::filesystem::directory_iterator(directory())) {
      ++count;
    }
    return count;
  }
};

TEST_F(LineWriterTest, WritesPlainAndGzip) {
  for (const char* name : {"a.jsonl", "a.jsonl.gz"}) {
    const std::string path = Path(name);
    auto writer = LineWriter::Create(path);
    ASSERT_TRUE(writer.ok()) << writer.status();
    for (int i = 0; i < 100000; ++i) {
      ASSERT_TRUE((*writer)->Write(StrCat("line ", i * 7919)).ok());
    }
    ASSERT_TRUE((*writer)->Close().ok());
    auto source = LineSource::Open(path);
    ASSERT_TRUE(source.ok());
    std::string_view line;
    for (int i = 0; i < 100000; ++i) {
      ASSERT_TRUE((*source)->Next(&line).value());
      ASSERT_EQ(line, StrCat("line ", i * 7919));
    }
    EXPECT_FALSE((*source)->Next(&line).value());
  }
  EXPECT_EQ(FilesInDirectory(), 2u);
}

TEST_F(LineWriterTest, GzipBytesAreTheSameEveryTime) {
  std::string bytes[2];
  for (std::string& out : bytes) {
    auto writer = LineWriter::Create(Path("a.gz"));
    ASSERT_TRUE((*writer)->Write("one").ok());
    ASSERT_TRUE((*writer)->Close().ok());
    out = ReadFile(Path("a.gz"));
  }
  EXPECT_EQ(bytes[0], bytes[1]);
}

TEST_F(LineWriterTest, TheOldFileStaysUntilClose) {
  const std::string path = WriteFile("a.tsv", "old\n");
  {
    auto writer = LineWriter::Create(path);
    ASSERT_TRUE((*writer)->Write(std::string(1 << 20, 'x')).ok());
    EXPECT_EQ(ReadFile(path), "old\n");
  }
  EXPECT_EQ(ReadFile(path), "old\n");
  EXPECT_EQ(FilesInDirectory(), 1u);
  auto writer = LineWriter::Create(path);
  ASSERT_TRUE((*writer)->Write("new").ok());
  ASSERT_TRUE((*writer)->Close().ok());
  EXPECT_EQ(ReadFile(path), "new\n");
}

TEST_F(LineWriterTest, NamesAPathThatCannotBeWritten) {
  const auto writer = LineWriter::Create(Path("absent/a.tsv"));
  EXPECT_TRUE(absl::IsNotFound(writer.status()));
  EXPECT_THAT(std::string(writer.status().message()),
              ::testing::HasSubstr("absent/a.tsv: cannot write"));
}

TEST_F(LineWriterTest, TsvCellsHoldNoSeparators) {
  std::string out;
  AppendTsvCell("a\tb\nc\r\"d\"", &out);
  EXPECT_EQ(out, "a b c \"d\"");
}

}  // namespace
}  // namespace attune
