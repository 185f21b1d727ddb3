#include "storage/vector_part.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/snapshot_writer.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class VectorPartTest : public ::testing::Test {
 protected:
  static std::vector<PartVector> Vectors(int count) {
    std::vector<PartVector> vectors;
    for (int i = count; i-- > 0;) {  // in no order
      vectors.push_back({"item" + std::to_string(i),
                         static_cast<uint64_t>(i) * 1'000'003,
                         std::string(100, static_cast<char>('a' + i % 26))});
    }
    return vectors;
  }
  std::string Write(std::vector<PartVector> vectors,
                    std::string_view model = "m1") {
    auto path = WriteVectorPart(directory_.path(), model, std::move(vectors));
    EXPECT_TRUE(path.ok()) << path.status();
    return path.value_or("");
  }
  /// "item record bytes" of each.
  static absl::Status Read(const std::string& path,
                           std::vector<std::string>* rows = nullptr,
                           std::string_view model = "m1") {
    return ReadVectorPart(
        path, model,
        [&](std::string_view id, uint64_t record, std::string_view bytes) {
          if (rows != nullptr) {
            rows->push_back(StrCat(id, " ", record, " ", bytes));
          }
          return absl::OkStatus();
        });
  }
  static std::string Message(const absl::Status& status) {
    return std::string(status.message());
  }

  TemporaryDirectory directory_;
};

TEST_F(VectorPartTest, GivesBackWhatWasWritten) {
  std::vector<PartVector> vectors = Vectors(2);
  vectors.push_back({"item0", 7, "later"});  // the last of an item counts
  const std::string path = Write(vectors);
  std::vector<std::string> rows;
  ASSERT_OK(Read(path, &rows));
  EXPECT_THAT(rows, ElementsAre("item0 7 later",
                                "item1 1000003 " + std::string(100, 'b')));
  EXPECT_THAT(*ListVectorParts(directory_.path()), ElementsAre(path));
  EXPECT_THAT(*ListVectorParts(path), ElementsAre(path));
}

TEST_F(VectorPartTest, EqualContentIsOneFile) {
  const std::string first = Write(Vectors(10));
  std::vector<PartVector> again = Vectors(10);
  std::reverse(again.begin(), again.end());
  EXPECT_EQ(Write(again), first);
  again[3].record ^= 1;
  EXPECT_NE(Write(again), first);
  again[3].record ^= 1;
  again[3].bytes[0] ^= 1;
  EXPECT_NE(Write(again), first);
  EXPECT_NE(Write(Vectors(10), "m2"), first);
  EXPECT_EQ(ListVectorParts(directory_.path())->size(), 4u);
}

TEST_F(VectorPartTest, AnotherModelIsNamed) {
  const std::string path = Write(Vectors(3), "m2");
  const absl::Status status = Read(path);
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(Message(status),
              AllOf(HasSubstr(path), HasSubstr("\"m2\", not of \"m1\"")));
}

TEST_F(VectorPartTest, WhatIsNoPartIsRefused) {
  EXPECT_TRUE(absl::IsNotFound(ListVectorParts("no such folder").status()));
  EXPECT_TRUE(absl::IsNotFound(ListVectorParts(directory_.path()).status()));
  directory_.Write(".part-0.vectors.1.tmp", "half");
  directory_.Write("_SUCCESS", "");
  EXPECT_TRUE(absl::IsNotFound(ListVectorParts(directory_.path()).status()));
  EXPECT_TRUE(absl::IsNotFound(Read(directory_.File("none"))));
  for (const std::string& content :
       {std::string(), std::string("text"), std::string(10'000, 'x')}) {
    const absl::Status status = Read(directory_.Write("other", content));
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(Message(status), HasSubstr("is no part of vectors"));
  }
  // A snapshot is none either.
  auto writer = SnapshotWriter::Create(directory_.File("snapshot"));
  ASSERT_TRUE(writer.ok());
  ASSERT_TRUE((*writer)->Finish().ok());
  EXPECT_THAT(Message(Read(directory_.File("snapshot"))),
              HasSubstr("is no part of vectors"));
  // Nor is a part a snapshot.
  EXPECT_THAT(
      Message(Database::Open(FollowerOptions(Write(Vectors(3)))).status()),
      HasSubstr("nor a snapshot"));
  EXPECT_FALSE(WriteVectorPart("no such folder", "m1", Vectors(1)).ok());
  EXPECT_FALSE(WriteVectorPart(directory_.path(), "m1", {{"", 1, "x"}}).ok());
}

TEST_F(VectorPartTest, AnyWrongByteAndAnyCutIsFoundOrHarmless) {
  const std::string path = Write(Vectors(8));
  const std::string good = TemporaryDirectory::Read(path);
  std::vector<std::string> wanted;
  ASSERT_OK(Read(path, &wanted));
  const std::string other = directory_.File("other");
  for (size_t cut = 0; cut < good.size(); cut += 61) {
    directory_.Write("other", good.substr(0, cut));
    const absl::Status status = Read(other);
    ASSERT_FALSE(status.ok()) << cut;
    EXPECT_THAT(Message(status), HasSubstr(other));
  }
  int refused = 0;
  for (size_t place = 0; place < good.size(); place += 7) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x41);
    directory_.Write("other", bad);
    std::vector<std::string> rows;
    if (Read(other, &rows).ok()) {
      EXPECT_EQ(rows, wanted) << place;  // padding, or a hash nobody asks for
    } else {
      ++refused;
    }
  }
  EXPECT_GT(refused, 100);
}

TEST_F(VectorPartTest, ARowThatIsNoVectorIsDamage) {
  const std::string path = directory_.File("written.vectors");
  auto writer = SnapshotWriter::Create(path, kVectorPart);
  ASSERT_TRUE(writer.ok());
  ASSERT_OK((*writer)->BeginSection("item_vectors"));
  ASSERT_OK((*writer)->Add("no key of a model", "12345678"));
  ASSERT_TRUE((*writer)->Finish().ok());
  const absl::Status status = Read(path);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(Message(status), StartsWith("part \"" + path));
}

}  // namespace
}  // namespace attune::storage
