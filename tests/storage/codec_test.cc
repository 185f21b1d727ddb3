// Keys, text checks, hashes and status translation.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"
#include "storage/file_hash.h"
#include "storage/key_codec.h"
#include "storage/status_translation.h"
#include "storage/text_check.h"
#include "storage/write_group.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

using ::testing::HasSubstr;

TEST(KeyCodecTest, EventKeysSortByUserTimeAndSerial) {
  const std::vector<std::string> users = {std::string("\0", 1),
                                          std::string("\0\0", 2),
                                          std::string("\0a", 2),
                                          std::string("\0\xff", 2),
                                          "\x01",
                                          "a",
                                          std::string("a\0", 2),
                                          std::string("a\0b", 3),
                                          "aa",
                                          "b"};
  const std::vector<int64_t> sort_keys = {
      std::numeric_limits<int64_t>::min(), -1, 0, 1, 255, 256,
      std::numeric_limits<int64_t>::max()};
  std::vector<std::string> keys;
  for (const std::string& user : users) {
    for (const int64_t sort_key : sort_keys) {
      for (const uint64_t serial : {uint64_t{1}, uint64_t{300}}) {
        keys.push_back(EventPrefix(user));
        AppendEventSuffix(sort_key, serial, keys.back());
        const auto parts = DecodeEventKey(keys.back());
        ASSERT_TRUE(parts.has_value());
        EXPECT_EQ(parts->user_id, user);
        EXPECT_EQ(parts->sort_key, sort_key);
        EXPECT_EQ(parts->serial, serial);
      }
    }
  }
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
  for (const std::string& user : users) {
    const std::string begin = EventPrefix(user);
    const std::string end = PrefixEnd(begin);
    EXPECT_EQ(std::count_if(keys.begin(), keys.end(),
                            [&](const std::string& key) {
                              return key >= begin && key < end;
                            }),
              14);
  }
}

TEST(KeyCodecTest, RefusesBytesThatAreNoKey) {
  Rng rng(1);
  std::string key = EventPrefix("user");
  AppendEventSuffix(7, 9, key);
  for (size_t length = 0; length < key.size(); ++length) {
    EXPECT_FALSE(DecodeEventKey(key.substr(0, length)).has_value());
  }
  EXPECT_FALSE(DecodeEventKey(key + "x").has_value());
  for (int round = 0; round < 10'000; ++round) {  // must not crash
    std::string noise(rng.Below(30), '\0');
    for (char& c : noise) c = static_cast<char>(rng.Below(3));
    DecodeEventKey("e" + noise);
    DecodeModelKey(noise);
  }
}

TEST(KeyCodecTest, ModelKeysRoundTrip) {
  const std::string version("v\0\x01", 3);
  const std::string key = ModelKey(version, "item");
  const auto parts = DecodeModelKey(key);
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->model_version, version);
  EXPECT_EQ(parts->id, "item");
  EXPECT_EQ(PrefixEnd("a\xff"), "b");
}

TEST(TextCheckTest, KnowsUtf8) {
  for (const std::string& good :
       {std::string(), std::string("ascii"), std::string("a\0b", 3),
        std::string("é"), std::string("家"), std::string("\xf0\x9f\x98\x80"),
        std::string("\xf4\x8f\xbf\xbf"), std::string("\xed\x9f\xbf"),
        std::string("0123456789é123456é")}) {
    EXPECT_TRUE(IsUtf8(good)) << QuoteId(good);
  }
  for (const std::string& bad :
       {std::string("\x80"), std::string("\xc3"), std::string("\xc0\xaf"),
        std::string("\xe0\x80\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf5\x80\x80\x80"), std::string("\xf4\x90\x80\x80"),
        std::string("\xf0\x80\x80\x80"), std::string("0123456\xff"),
        std::string("01234567\xe5\xae")}) {
    EXPECT_FALSE(IsUtf8(bad)) << QuoteId(bad);
  }
}

TEST(TextCheckTest, ProtobufReadsWhatIsAccepted) {
  // The check is ours, so that it must be at least as strict as protobuf's.
  Rng rng(2);
  int accepted = 0;
  for (int round = 0; round < 200'000; ++round) {
    std::string text(1 + rng.Below(4), '\0');
    for (char& c : text) c = static_cast<char>(0x70 + rng.Below(0x90));
    if (!IsUtf8(text)) continue;
    ++accepted;
    v1::Item item;
    item.set_title(text);
    v1::Item read;
    ASSERT_TRUE(read.ParseFromString(item.SerializeAsString()))
        << QuoteId(text);
  }
  EXPECT_GT(accepted, 1000);
}

TEST(TextCheckTest, QuotesAreShortValidText) {
  EXPECT_EQ(QuoteId("a\nb"), "\"a\\nb\"");
  EXPECT_EQ(QuoteId("\xff"), "\"\\xff\"");
  const std::string quoted = QuoteId(std::string(63, 'x') + "家家");
  EXPECT_TRUE(IsUtf8(quoted));
  EXPECT_EQ(quoted, "\"" + std::string(63, 'x') + "…\"");
}

TEST(TextCheckTest, FeaturesAndListsAreChecked) {
  WriteGroup group;
  v1::User user = MakeUser("u");
  v1::Feature& feature = *user.add_features();
  feature.set_name("f");
  feature.mutable_value()->mutable_list()->add_values("\xff");
  EXPECT_EQ(group.PutUser(user).code(), absl::StatusCode::kInvalidArgument);
  v1::Item item = MakeItem("i", "t");
  item.add_tags("\xff");
  EXPECT_EQ(group.PutItem(item).code(), absl::StatusCode::kInvalidArgument);
  v1::Event event = MakeEvent("u", "i", 1);
  event.add_followed("\xff");
  EXPECT_EQ(Append(group, event).code(), absl::StatusCode::kInvalidArgument);
}

TEST(FileHashTest, IsThatOfTheContent) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/file";
  std::ofstream(path) << "";
  // xxhsum -H128 of an empty file.
  EXPECT_EQ(*HashFile(path), "99aa06d3014798d86001c324468d497f");
  std::string content(3'000'000, 'a');
  std::ofstream(path) << content;
  const std::string hash = *HashFile(path);
  content[2'500'000] = 'b';
  std::ofstream(path) << content;
  EXPECT_NE(*HashFile(path), hash);
  EXPECT_EQ(HashFile(directory.path() + "/none").status().code(),
            absl::StatusCode::kNotFound);
  EXPECT_FALSE(HashFile(directory.path()).ok());
}

TEST(StatusTranslationTest, KeepsTheKindOfTrouble) {
  EXPECT_TRUE(Translate(rocksdb::Status::OK(), "x").ok());
  EXPECT_EQ(Translate(rocksdb::Status::Corruption("c"), "x").code(),
            absl::StatusCode::kDataLoss);
  const absl::Status full = Translate(rocksdb::Status::NoSpace("file"), "x");
  EXPECT_EQ(full.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(full.message()),
              HasSubstr("x: no space left on the disk"));
  EXPECT_EQ(Translate(rocksdb::Status::IOError("No space left on device"), "x")
                .code(),
            absl::StatusCode::kResourceExhausted);
  EXPECT_EQ(Translate(rocksdb::Status::IOError("f"), "x").code(),
            absl::StatusCode::kUnavailable);
  EXPECT_EQ(Translate(rocksdb::Status::NotFound("f"), "x").code(),
            absl::StatusCode::kNotFound);
  EXPECT_EQ(Translate(rocksdb::Status::Aborted("f"), "x").code(),
            absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace attune::storage
