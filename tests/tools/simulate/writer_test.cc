#include "tools/simulate/writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/tools/simulate/shop_logs.h"

namespace attune::simulate {
namespace {

TEST(TextWriter, PlainFilesHoldTheBytesThemselves) {
  const std::string path = MakeFolder() + "/f.tsv";
  absl::StatusOr<TextWriter> writer = TextWriter::Create(path, false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_TRUE(writer->Append("a\tb\n").ok());
  ASSERT_TRUE(writer->Commit().ok());
  std::ifstream in(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_EQ(bytes, "a\tb\n");
}

TEST(TextWriter, LongGzipTextComesBack) {
  const std::string path = MakeFolder() + "/f.tsv";
  absl::StatusOr<TextWriter> writer = TextWriter::Create(path, true);
  ASSERT_TRUE(writer.ok()) << writer.status();
  std::string all;
  for (int i = 0; i < 100000; ++i) {
    const std::string line = std::to_string(i * 2654435761u) + "\n";
    all += line;
    ASSERT_TRUE(writer->Append(line).ok());
  }
  ASSERT_TRUE(writer->Commit().ok());
  EXPECT_EQ(writer->path(), path + ".gz");
  EXPECT_LT(std::filesystem::file_size(path + ".gz"), all.size());
  EXPECT_EQ(ReadText(path + ".gz"), all);
}

TEST(TextWriter, WithoutCommitTheOldFileStaysAndNothingIsLeft) {
  const std::string folder = MakeFolder();
  std::ofstream(folder + "/f.tsv") << "old";
  {
    absl::StatusOr<TextWriter> writer =
        TextWriter::Create(folder + "/f.tsv", false);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(writer->Append("new").ok());
  }
  EXPECT_EQ(ReadText(folder + "/f.tsv"), "old");
  EXPECT_FALSE(std::filesystem::exists(folder + "/f.tsv.partial"));
}

TEST(TextWriter, AFolderThatIsNotThereIsNamed) {
  const absl::Status status =
      TextWriter::Create("/no/such/f.tsv", false).status();
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(std::string(status.message()), ::testing::HasSubstr("/no/such/"));
}

TEST(TextWriter, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  const std::string folder = MakeFolder();
  std::filesystem::create_symlink("/dev/full", folder + "/f.partial");
  absl::StatusOr<TextWriter> writer = TextWriter::Create(folder + "/f", false);
  ASSERT_TRUE(writer.ok()) << writer.status();
  absl::Status status = writer->Append(std::string(1 << 20, 'x'));
  if (status.ok()) status = writer->Commit();
  EXPECT_TRUE(absl::IsResourceExhausted(status)) << status;
  EXPECT_FALSE(std::filesystem::exists(folder + "/f"));
}

}  // namespace
}  // namespace attune::simulate
