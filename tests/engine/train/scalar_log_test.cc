#include "engine/train/scalar_log.h"

#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "proto/tensorboard.pb.h"

namespace attune {
namespace {

/// A record and what is behind it; checks both sums.
std::string TakeRecord(std::string_view* bytes) {
  uint64_t size = 0;
  uint32_t sum = 0;
  if (bytes->size() < 12) return "too short";
  std::memcpy(&size, bytes->data(), 8);
  std::memcpy(&sum, bytes->data() + 8, 4);
  EXPECT_EQ(sum, MaskedCrc32c(bytes->substr(0, 8)));
  if (bytes->size() < 16 + size) return "too short";
  const std::string record(bytes->substr(12, size));
  std::memcpy(&sum, bytes->data() + 12 + size, 4);
  EXPECT_EQ(sum, MaskedCrc32c(record));
  bytes->remove_prefix(16 + size);
  return record;
}

TEST(ScalarLogTest, TheSumIsCastagnolis) {
  // RFC 3720, B.4: 32 bytes of zeros; and the check value of the polynomial.
  const auto masked = [](uint32_t crc) {
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
  };
  EXPECT_EQ(MaskedCrc32c(std::string(32, '\0')), masked(0x8a9136aa));
  EXPECT_EQ(MaskedCrc32c("123456789"), masked(0xe3069283));
}

TEST(ScalarLogTest, RecordsAreReadAtOnce) {
  const std::string directory = ::testing::TempDir() + "/attune_scalars/new";
  std::filesystem::remove_all(directory);
  auto log = ScalarLog::Create(directory);
  ASSERT_TRUE(log.ok()) << log.status();
  const ScalarLog::Scalar scalars[] = {{"match/loss", 2.5}, {"match/ndcg", 0}};
  ASSERT_TRUE((*log)->Add(7, scalars).ok());

  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    files.push_back(entry.path());
  }
  ASSERT_EQ(files.size(), 1u);
  EXPECT_TRUE(files[0].filename().string().starts_with("events.out.tfevents."));
  std::stringstream content;
  content << std::ifstream(files[0], std::ios::binary).rdbuf();
  const std::string text = content.str();
  std::string_view bytes = text;
  tensorboard::Event event;
  ASSERT_TRUE(event.ParseFromString(TakeRecord(&bytes)));
  EXPECT_EQ(event.file_version(), "brain.Event:2");
  ASSERT_TRUE(event.ParseFromString(TakeRecord(&bytes)));
  EXPECT_EQ(event.step(), 7);
  ASSERT_EQ(event.summary().value_size(), 2);
  EXPECT_EQ(event.summary().value(0).tag(), "match/loss");
  EXPECT_EQ(event.summary().value(0).simple_value(), 2.5f);
  EXPECT_TRUE(bytes.empty());
}

TEST(ScalarLogTest, AFileInTheWayIsNamed) {
  const std::string path = ::testing::TempDir() + "/attune_scalars_file";
  std::ofstream(path) << "x";
  const auto log = ScalarLog::Create(path);
  ASSERT_FALSE(log.ok());
  EXPECT_NE(log.status().message().find(path), std::string_view::npos);
}

}  // namespace
}  // namespace attune
