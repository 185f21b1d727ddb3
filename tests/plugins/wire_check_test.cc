#include "plugins/c_abi/wire_check.h"

#include <set>
#include <string>

#include "base/rng.h"
#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"
#include "tests/plugins/sample_messages.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

std::string Refusal(const std::string& bytes, const WireMessage& type) {
  return std::string(CheckWire(bytes, type).message());
}

/// `field` (number, length-delimited) with this content.
std::string Field(int number, const std::string& content) {
  std::string bytes(1, static_cast<char>(number << 3 | 2));
  size_t size = content.size();
  for (; size >= 0x80; size >>= 7) bytes += static_cast<char>(size | 0x80);
  bytes += static_cast<char>(size);
  return bytes + content;
}

TEST(WireCheckTest, ValidMessagesPass) {
  for (const SampleMessage& sample : SampleMessages()) {
    EXPECT_TRUE(CheckWire(sample.bytes, *sample.type).ok())
        << Refusal(sample.bytes, *sample.type);
  }
  EXPECT_TRUE(CheckWire("", kRankRequestWire).ok());
}

TEST(WireCheckTest, BadTextIsNamedByItsPath) {
  EXPECT_EQ(Refusal(Field(1, "\xff"), kRankRequestWire),
            "RankRequest.user_id: no UTF-8 in the 1 bytes at 2");
  const std::string item = Field(1, "ok") + Field(4, "tag") + Field(4, "\xC3");
  EXPECT_EQ(Refusal(Field(3, "") + Field(3, item), kRankRequestWire),
            "RankRequest.candidates[1].tags[1]: no UTF-8 in the 1 bytes at 15");
  EXPECT_THAT(Refusal(Field(1, "\xED\xA0\x80"), kRankRequestWire),
              HasSubstr("user_id"))
      << "a surrogate";
  EXPECT_THAT(Refusal(Field(1, "\xC0\x80"), kRankRequestWire),
              HasSubstr("user_id"))
      << "an overlong NUL";
}

TEST(WireCheckTest, ASetFlagEndsIt) {
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += Field(2, "id");
  int32_t word = 1;
  const CancelFlag cancelled = CancelFlag::OfWord(&word);
  EXPECT_EQ(CheckWire(bytes, kRankRequestWire, cancelled).code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(CheckWire(Field(1, bytes), kRankBatchRequestWire, cancelled).code(),
            absl::StatusCode::kCancelled);
  word = 0;
  EXPECT_TRUE(CheckWire(bytes, kRankRequestWire, cancelled).ok());
}

TEST(WireCheckTest, BrokenBytesSayWhere) {
  EXPECT_EQ(Refusal("\x0a\x05xy", kRankRequestWire),
            "RankRequest: no protobuf at byte 1: a field of 5 bytes where 2 "
            "are left");
  EXPECT_THAT(Refusal("\x38", kRankRequestWire), HasSubstr("cut off"));
  EXPECT_THAT(Refusal(std::string(11, '\xff'), kRankRequestWire),
              HasSubstr("byte 0"));
  EXPECT_THAT(Refusal(std::string(1, '\0'), kRankRequestWire),
              HasSubstr("no field has such a tag"));
  EXPECT_THAT(Refusal("\x0c", kRankRequestWire), HasSubstr("wire type 4"));
  EXPECT_THAT(Refusal("\x0e", kRankRequestWire), HasSubstr("wire type 6"));
  EXPECT_THAT(Refusal("{\"user_id\": \"u\"}", kRankRequestWire),
              HasSubstr("no protobuf"))
      << "JSON";
  EXPECT_THAT(Refusal(std::string(200, '\x0b'), kRankRequestWire),
              HasSubstr("groups too deep"));
}

TEST(WireCheckTest, UnknownFieldsPass) {
  const std::string unknown = "\xfa\x01\x02\xff\xff\xfb\x01\x08\x01\xfc\x01";
  EXPECT_TRUE(CheckWire(unknown, kRankRequestWire).ok())
      << Refusal(unknown, kRankRequestWire);
  EXPECT_TRUE(ProtobufParses(kRankRequestWire, unknown));
}

// Two bytes of input would be some 200 in memory, thirty million times.
TEST(WireCheckTest, MessagesThatExplodeInMemoryAreRefused) {
  std::string bytes;
  bytes.reserve(size_t{24} << 20);
  while (bytes.size() < size_t{24} << 20) bytes.append("\x0a\x00", 2);
  EXPECT_THAT(Refusal(bytes, kPutItemsRequestWire), HasSubstr("in parts"));
  EXPECT_TRUE(
      CheckWire(bytes.substr(0, size_t{1} << 20), kPutItemsRequestWire).ok());
}

// The estimate behind that bound holds for the largest message.
TEST(WireCheckTest, ParsedMessagesAreNoLargerThanCounted) {
  EXPECT_LE(sizeof(v1::RankRequest), 192u);
  EXPECT_LE(sizeof(v1::Item), 192u);
  EXPECT_LE(sizeof(v1::Event), 192u);
}

// What passes the check must be parsed by protobuf without a word on stderr,
// and what protobuf takes must pass: bytes changed at random decide alike.
TEST(WireCheckTest, DecidesAsProtobufDoes) {
  Rng rng(7);
  const std::vector<SampleMessage> samples = SampleMessages();
  std::vector<std::pair<const WireMessage*, std::string>> passed;
  int refused = 0;
  ::testing::internal::CaptureStderr();  // protobuf's complaints of the refused
  for (int round = 0; round < 60000; ++round) {
    const SampleMessage& sample = samples[rng.Below(samples.size())];
    std::string bytes = sample.bytes;
    const int changes = 1 + static_cast<int>(rng.Below(4));
    for (int change = 0; change < changes; ++change) {
      const size_t at = rng.Below(bytes.size());
      switch (rng.Below(4)) {
        case 0:
          bytes[at] = static_cast<char>(rng.Next());
          break;
        case 1:
          bytes[at] = static_cast<char>(bytes[at] ^ (1 << rng.Below(8)));
          break;
        case 2:
          bytes.erase(at, 1 + rng.Below(4));
          break;
        default:
          bytes.insert(at, 1, static_cast<char>(rng.Next()));
      }
      if (bytes.empty()) bytes = "x";
    }
    const bool ok = CheckWire(bytes, *sample.type).ok();
    ASSERT_EQ(ok, ProtobufParses(*sample.type, bytes))
        << sample.type->name << " " << ::testing::PrintToString(bytes) << " "
        << Refusal(bytes, *sample.type);
    if (ok) {
      passed.emplace_back(sample.type, bytes);
    } else {
      ++refused;
    }
  }
  ::testing::internal::GetCapturedStderr();
  EXPECT_GT(passed.size(), 5000u);
  EXPECT_GT(refused, 5000);
  ::testing::internal::CaptureStderr();
  for (const auto& [type, bytes] : passed) ProtobufParses(*type, bytes);
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
}

class GarbageTest : public AbiTest {};

// Through the ABI: any bytes give ok or InvalidArgument, and nothing printed.
TEST_F(GarbageTest, AnyBytesAreAnsweredWithACode) {
  Rng rng(11);
  const std::vector<SampleMessage> samples = SampleMessages();
  ::testing::internal::CaptureStderr();
  std::set<int> codes;
  for (int round = 0; round < 20000; ++round) {
    std::string bytes;
    if (rng.Bernoulli(0.3)) {
      bytes.resize(rng.Below(80));
      for (char& c : bytes) c = static_cast<char>(rng.Next());
    } else {
      bytes = samples[rng.Below(samples.size())].bytes;
      for (uint64_t n = rng.Below(4); n > 0; --n) {
        bytes[rng.Below(bytes.size())] = static_cast<char>(rng.Next());
      }
      if (rng.Bernoulli(0.2)) bytes.resize(rng.Below(bytes.size()));
    }
    BufferBox one, many;
    codes.insert(attune_rank(engine_, bytes.data(), bytes.size(), nullptr,
                             one.get(), nullptr));
    codes.insert(attune_rank_batch(engine_, bytes.data(), bytes.size(), nullptr,
                                   many.get(), nullptr));
    codes.insert(
        attune_put_items(engine_, bytes.data(), bytes.size(), 0, nullptr));
    codes.insert(
        attune_put_users(engine_, bytes.data(), bytes.size(), 0, nullptr));
    codes.insert(
        attune_put_events(engine_, bytes.data(), bytes.size(), 0, nullptr));
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(codes, (std::set<int>{ATTUNE_OK, ATTUNE_INVALID_ARGUMENT}));
}

}  // namespace
}  // namespace attune
