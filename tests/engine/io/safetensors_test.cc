#include "engine/io/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

#include "base/rng.h"
#include "engine/io/float_conversion.h"
#include "temp_files.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SafetensorsTest : public TempFilesTest {
 protected:
  std::string WriteRaw(std::string_view header, std::string_view data) {
    const uint64_t length = header.size();
    std::string bytes(reinterpret_cast<const char*>(&length), 8);
    return WriteFile("raw", StrCat(bytes, header, data));
  }
};

TEST_F(SafetensorsTest, ReadsWhatItWrote) {
  Rng rng(1);
  std::vector<float> a(6 * 5), b(100'000), none;
  for (float& x : a) x = static_cast<float>(rng.Normal());
  for (float& x : b) x = static_cast<float>(rng.Normal());
  SafetensorsWriter writer;
  writer.SetMetadata("made", "here");
  using Type = SafetensorsWriter::Type;
  ASSERT_TRUE(writer.Add("a", {6, 5}, a).ok());
  ASSERT_TRUE(writer.Add("b", {100'000}, b, Type::kBF16).ok());
  ASSERT_TRUE(writer.Add("none", {0, 4}, none).ok());
  EXPECT_FALSE(writer.Add("a", {1}, std::span(a).first(1)).ok());
  EXPECT_FALSE(writer.Add("c", {7}, a).ok());
  const std::string path = Path("t.safetensors");
  ASSERT_TRUE(writer.Write(path).ok());

  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->metadata().at("made"), "here");
  EXPECT_EQ((*file)->tensors().size(), 3u);
  EXPECT_EQ((*file)->Find("a")->offset % 8, 0);
  std::vector<float> out(30), wide(100'000);
  ASSERT_TRUE((*file)->Read("a", std::vector<int64_t>{6, 5}, out).ok());
  EXPECT_EQ(out, a);
  ASSERT_TRUE((*file)->Read("b", std::vector<int64_t>{100'000}, wide).ok());
  for (size_t i = 0; i < b.size(); ++i) {
    ASSERT_NEAR(wide[i], b[i], std::abs(b[i]) / 256);
  }
  EXPECT_THAT(
      std::string(
          (*file)->Read("a", std::vector<int64_t>{5, 6}, out).message()),
      HasSubstr("tensor \"a\" has shape [6, 5], [5, 6] is expected"));
  EXPECT_FALSE((*file)->Read("a", std::vector<int64_t>{6, 5}, wide).ok());
  EXPECT_TRUE(
      absl::IsNotFound((*file)->Read("x", std::vector<int64_t>{6, 5}, out)));

  const std::string bytes = ReadFile(path);
  ASSERT_TRUE(writer.Write(path).ok());
  EXPECT_EQ(ReadFile(path), bytes);
}

TEST_F(SafetensorsTest, ConvertsHalfPrecisions) {
  EXPECT_EQ(Bf16ToFloat(0x3fc0), 1.5f);
  EXPECT_EQ(FloatToBf16(1.5f), 0x3fc0);
  // Ties go to even: 1 + 2^-8 lies between 0x3f80 and 0x3f81.
  EXPECT_EQ(FloatToBf16(1.00390625f), 0x3f80);
  EXPECT_EQ(FloatToBf16(1.01171875f), 0x3f82);
  EXPECT_TRUE(std::isnan(
      Bf16ToFloat(FloatToBf16(std::numeric_limits<float>::quiet_NaN()))));
  EXPECT_EQ(Fp16ToFloat(0x3e00), 1.5f);
  EXPECT_EQ(Fp16ToFloat(0xc000), -2.0f);
  EXPECT_EQ(Fp16ToFloat(0x0001), 0x1p-24f);
  EXPECT_EQ(Fp16ToFloat(0x8001), -0x1p-24f);
  EXPECT_EQ(Fp16ToFloat(0x7c00), std::numeric_limits<float>::infinity());

  const std::string path =
      WriteRaw(R"({"h":{"dtype":"F16","shape":[2],"data_offsets":[0,4]},)"
               R"("i":{"dtype":"I64","shape":[1],"data_offsets":[4,12]}})",
               std::string_view("\x00\x3e\x00\xc0"
                                "12345678",
                                12));
  const auto file = SafetensorsFile::Open(path);
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<float> out(2);
  ASSERT_TRUE((*file)->Read("h", std::vector<int64_t>{2}, out).ok());
  EXPECT_THAT(out, ElementsAre(1.5f, -2.0f));
  EXPECT_THAT(std::string((*file)
                              ->Read("i", std::vector<int64_t>{1},
                                     std::span(out).first(1))
                              .message()),
              HasSubstr("has dtype I64"));
}

TEST_F(SafetensorsTest, RefusesEveryKindOfBrokenHeader) {
  const struct {
    const char* header;
    const char* error;
  } kTable[] = {
      {"[]", "no object"},
      {"{", "broken JSON"},
      {R"({"a":1})", "data_offsets are expected"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}})",
       "are expected"},
      {R"({"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}})",
       "unknown dtype"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}})",
       "has 8 bytes, but F32 [3] takes 12"},
      {R"({"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}})",
       "is not possible"},
      {R"({"a":{"dtype":"F32","shape":[4611686018427387904,4],"data_offsets":[0,8]}})",
       "is not possible"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})",
       "do not lie within"},
      {R"({"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})",
       "do not lie within the 8 bytes"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})",
       "the tensors take 4 bytes, the file has 8"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       "begins at 4, but the one before it ends at 0"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
       "begins at 4, but the one before it ends at 8"},
      {R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
       R"("a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})",
       "\"a\" is there twice"},
      {R"({"__metadata__":{"x":1}})", "__metadata__"},
  };
  for (const auto& row : kTable) {
    const auto file = SafetensorsFile::Open(WriteRaw(row.header, "12345678"));
    EXPECT_TRUE(absl::IsDataLoss(file.status())) << row.header;
    EXPECT_THAT(std::string(file.status().message()),
                ::testing::AllOf(HasSubstr("raw: "), HasSubstr(row.error)));
  }
}

TEST_F(SafetensorsTest, RefusesTruncatedFilesAtEveryLength) {
  SafetensorsWriter writer;
  const std::vector<float> values = {1, 2, 3};
  ASSERT_TRUE(writer.Add("a", {3}, values).ok());
  ASSERT_TRUE(writer.Write(Path("whole")).ok());
  const std::string bytes = ReadFile(Path("whole"));
  for (size_t length = 0; length < bytes.size(); ++length) {
    const auto file = SafetensorsFile::Open(
        WriteFile("part", std::string_view(bytes).substr(0, length)));
    EXPECT_TRUE(absl::IsDataLoss(file.status())) << length;
  }
  EXPECT_TRUE(SafetensorsFile::Open(Path("whole")).ok());
}

}  // namespace
}  // namespace attune
