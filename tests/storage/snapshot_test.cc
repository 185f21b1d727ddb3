// A snapshot shows what its database shows, and never anything else.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "storage/database.h"
#include "storage/snapshot_format.h"
#include "storage/snapshot_writer.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

using ::testing::HasSubstr;

class SnapshotTest : public ::testing::Test {
 protected:
  static constexpr int kItems = 20;
  static constexpr int kUsers = 6;

  static std::string Id(std::string_view kind, int number) {
    return std::string(kind) + std::to_string(number);
  }

  void SetUp() override {
    database_ = MustOpen(WriterOptions(directory_.path() + "/db"));
    ASSERT_NE(database_, nullptr);
    WriteGroup group;
    for (int i = 0; i < kItems; ++i) {
      const v1::Item item = MakeItem(Id("item", i), Id("title ", i));
      ASSERT_OK(group.PutItem(item));
      ASSERT_OK(group.PutItemVector("new", item.item_id(), Id("vector ", i)));
      ASSERT_OK(group.PutItemVector("old", item.item_id(), "of another model"));
    }
    for (int u = 0; u < kUsers; ++u) {
      if (u % 2 == 0) {
        ASSERT_OK(group.PutUser(MakeUser(Id("user", u))));
      }
      for (int e = 0; e < 7; ++e) {
        ASSERT_OK(Append(
            group, MakeEvent(Id("user", u), Id("item", (3 * u + e) % kItems),
                             1000 + e)));
      }
    }
    ASSERT_OK(group.PutMeta("schema", "{}"));
    ASSERT_OK(database_->Write(std::move(group)));
  }

  std::string path(std::string_view name) const {
    return directory_.path() + "/" + std::string(name);
  }
  SnapshotOptions Options(bool histories = true) const {
    SnapshotOptions options;
    options.path = path("snapshot");
    options.model_version = "new";
    options.histories = histories;
    options.files = {{"weights", "1 2 3"}};
    return options;
  }
  /// Writes one and opens it.
  std::unique_ptr<Database> Make(bool histories = true) {
    summary_ = database_->WriteSnapshot(Options(histories));
    EXPECT_TRUE(summary_.ok()) << summary_.status();
    return summary_.ok() ? MustOpen(FollowerOptions(path("snapshot")))
                         : nullptr;
  }
  absl::Status OpenStatus(const std::string& bytes) {
    WriteFile(path("other"), bytes);
    return Database::Open(FollowerOptions(path("other"))).status();
  }

  static void WriteFile(const std::string& path, std::string_view bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
  }
  static std::string ReadFile(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file),
            std::istreambuf_iterator<char>()};
  }
  std::vector<std::string> FilesOfFolder() const {
    std::vector<std::string> names;
    for (const auto& entry :
         std::filesystem::directory_iterator(directory_.path())) {
      names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  TemporaryDirectory directory_;
  std::unique_ptr<Database> database_;
  absl::StatusOr<SnapshotSummary> summary_;
};

TEST_F(SnapshotTest, ShowsWhatTheDatabaseShows) {
  const auto snapshot = Make();
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(Dump(*snapshot), Dump(*database_));
  EXPECT_OK(snapshot->CheckFile());
  EXPECT_TRUE(snapshot->is_snapshot());
  EXPECT_FALSE(database_->is_snapshot());
  EXPECT_EQ(summary_->items, kItems);
  EXPECT_EQ(summary_->vectors, kItems);
  EXPECT_EQ(summary_->users, kUsers / 2);
  EXPECT_EQ(summary_->histories, kUsers);
  EXPECT_EQ(summary_->events, 7 * kUsers);
  EXPECT_EQ(static_cast<uintmax_t>(summary_->size_bytes),
            std::filesystem::file_size(path("snapshot")));
  EXPECT_EQ(snapshot->GetMeta("schema").value(), "{}");
  EXPECT_EQ(snapshot->history_limit(), database_->history_limit());
}

TEST_F(SnapshotTest, ReadsSingleRowsAndMany) {
  const auto snapshot = Make();
  ASSERT_NE(snapshot, nullptr);
  const std::vector<std::string_view> ids = {"item7",  "no such", "item0",
                                             "item19", "item7",   ""};
  std::vector<std::string> vectors(ids.size());
  ASSERT_OK(snapshot->MultiGetItemVectors(
      "new", ids,
      [&](size_t i, std::string_view bytes) { vectors[i] = bytes; }));
  EXPECT_EQ(vectors, (std::vector<std::string>{"vector 7", "", "vector 0",
                                               "vector 19", "vector 7", ""}));
  int found = 0;
  ASSERT_OK(snapshot->MultiGetItemVectors(
      "old", ids, [&](size_t, std::string_view) { ++found; }));
  EXPECT_EQ(found, 0) << "only the model's own are packed";
  for (int u = 0; u < kUsers; ++u) {
    const std::string user = Id("user", u);
    EXPECT_EQ(Events(snapshot->GetHistory(user).value()),
              Events(database_->GetHistory(user).value()));
    EXPECT_EQ(snapshot->GetUser(user).value().has_value(), u % 2 == 0);
    int events = 0;
    EXPECT_OK(snapshot->ForEachUserEvent(user, [&](const v1::Event&) {
      ++events;
      return absl::OkStatus();
    }));
    EXPECT_EQ(events, 7);
  }
  EXPECT_EQ(snapshot->GetHistory("nobody").value().count(), 0);
  EXPECT_EQ(snapshot->PackedFile("weights").value(), "1 2 3");
  EXPECT_EQ(snapshot->PackedFile("other").value(), std::nullopt);
  EXPECT_EQ(database_->PackedFile("weights").value(), std::nullopt);
}

TEST_F(SnapshotTest, WithoutHistoriesSaysSo) {
  const auto snapshot = Make(/*histories=*/false);
  ASSERT_NE(snapshot, nullptr);
  EXPECT_EQ(snapshot->GetItem("item3").value()->title(), "title 3");
  EXPECT_EQ(snapshot->GetUser("user0").value(), std::nullopt);
  const absl::Status status = snapshot->GetHistory("user0").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("--histories"));
  EXPECT_TRUE(absl::IsFailedPrecondition(
      snapshot->ForEachUser([](const v1::User&) { return absl::OkStatus(); })));
  EXPECT_EQ(snapshot->Stats()->items, kItems);
  EXPECT_EQ(snapshot->Stats()->events, 0);
}

TEST_F(SnapshotTest, CannotBeWritten) {
  const auto snapshot = Make();
  ASSERT_NE(snapshot, nullptr);
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("new", "new")));
  EXPECT_TRUE(
      absl::IsFailedPrecondition(snapshot->Write(std::move(group), {})));
  EXPECT_TRUE(absl::IsFailedPrecondition(snapshot->Flush()));
  EXPECT_OK(snapshot->CatchUp());
  const absl::Status writer =
      Database::Open(WriterOptions(path("snapshot"))).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(writer)) << writer;
}

TEST_F(SnapshotTest, OpenReadersKeepAReplacedFile) {
  const auto before = Make();
  ASSERT_NE(before, nullptr);
  const std::vector<std::string> dump = Dump(*before);
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("item3", "another title")));
  ASSERT_OK(database_->Write(std::move(group)));
  const auto after = Make();
  ASSERT_NE(after, nullptr);
  EXPECT_EQ(Dump(*before), dump);
  EXPECT_NE(Dump(*after), dump);
}

TEST_F(SnapshotTest, ForeignFilesAreRefused) {
  for (const std::string& bytes :
       {std::string(), std::string("no snapshot"), std::string(10'000, '\0'),
        std::string(10'000, 'x')}) {
    const absl::Status status = OpenStatus(bytes);
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr("nor a snapshot"));
  }
}

TEST_F(SnapshotTest, NewerVersionsAreRefused) {
  ASSERT_NE(Make(), nullptr);
  std::string bytes = ReadFile(path("snapshot"));
  bytes[kDatabaseSnapshot.magic.size()] = kSnapshotVersion + 1;
  const absl::Status status = OpenStatus(bytes);
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("version 2"));
}

TEST_F(SnapshotTest, TruncatedFilesAreRefused) {
  ASSERT_NE(Make(), nullptr);
  const std::string bytes = ReadFile(path("snapshot"));
  for (size_t size = sizeof(SnapshotHeader); size < bytes.size(); size += 97) {
    const absl::Status status = OpenStatus(bytes.substr(0, size));
    EXPECT_TRUE(absl::IsDataLoss(status)) << size << ": " << status;
  }
  EXPECT_TRUE(absl::IsDataLoss(OpenStatus(bytes + "x")));
  EXPECT_OK(OpenStatus(bytes));
}

// Whichever byte is wrong: the file is refused, or the check finds it, or it
// is one that nobody reads. What a reader is shown meanwhile is right or an
// error, and within the file.
TEST_F(SnapshotTest, AnyWrongByteIsFound) {
  ASSERT_NE(Make(), nullptr);
  const std::vector<std::string> right = Dump(*database_);
  std::string bytes = ReadFile(path("snapshot"));
  int refused = 0, found = 0;
  // The header byte by byte where it says something, the rest in steps.
  for (size_t at = 0; at < bytes.size(); at += at < 200 ? 1 : 59) {
    SCOPED_TRACE(at);
    const char was = bytes[at];
    bytes[at] = static_cast<char>(was ^ 0x40);
    WriteFile(path("other"), bytes);
    bytes[at] = was;
    const auto opened = Database::Open(FollowerOptions(path("other")));
    if (!opened.ok()) {
      ++refused;
      continue;
    }
    const bool sound = (*opened)->CheckFile().ok();
    if (!sound) ++found;
    std::vector<std::string> read;
    const absl::Status status = (*opened)->ForEachItem([&](const v1::Item& i) {
      read.push_back("item " + i.SerializeAsString());
      return absl::OkStatus();
    });
    read.resize(std::min<size_t>(read.size(), kItems));
    for (size_t i = 0; i < read.size(); ++i) EXPECT_EQ(read[i], right[i]);
    EXPECT_EQ(status.ok(), read.size() == kItems) << status;
    EXPECT_TRUE(!sound || status.ok()) << status;
    const absl::StatusOr<v1::History> history = (*opened)->GetHistory("user1");
    EXPECT_TRUE(history.ok() || absl::IsDataLoss(history.status()));
    EXPECT_TRUE(!sound || history->count() == 7);
  }
  EXPECT_GT(refused, 200);
  EXPECT_GT(found, 50);
}

TEST_F(SnapshotTest, FailuresLeaveNothingBehind) {
  const std::vector<std::string> before = FilesOfFolder();
  SnapshotOptions options = Options();
  options.path = path("no such folder/snapshot");
  EXPECT_TRUE(absl::IsNotFound(database_->WriteSnapshot(options).status()));
  options.path = path("db");
  EXPECT_TRUE(
      absl::IsAlreadyExists(database_->WriteSnapshot(options).status()));
  options = Options();
  const std::atomic<bool> cancelled = true;
  options.cancelled = &cancelled;
  EXPECT_TRUE(absl::IsCancelled(database_->WriteSnapshot(options).status()));
  EXPECT_EQ(FilesOfFolder(), before);
}

TEST_F(SnapshotTest, RemovesWhatAKilledProcessLeftBehind) {
  const std::vector<std::string> before = FilesOfFolder();
  // No process has this id: Linux's ids end at 2^22.
  WriteFile(path(".snapshot.4194305.tmp"), "half of it");
  ASSERT_NE(Make(), nullptr);
  std::filesystem::remove(path("snapshot"));
  EXPECT_EQ(FilesOfFolder(), before);
}

TEST_F(SnapshotTest, AFullDiskLeavesTheFileOfBefore) {
  ASSERT_NE(Make(/*histories=*/false), nullptr);
  const std::string bytes = ReadFile(path("snapshot"));
  const std::vector<std::string> files = FilesOfFolder();
  // A limit on the size of files fails writes as a full disk does.
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit limit = {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = 8000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const absl::Status status = database_->WriteSnapshot(Options()).status();
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  std::signal(SIGXFSZ, handler);
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path("snapshot")));
  EXPECT_EQ(ReadFile(path("snapshot")), bytes);
  EXPECT_EQ(FilesOfFolder(), files);
}

TEST_F(SnapshotTest, RowsMustComeInOrder) {
  auto writer = SnapshotWriter::Create(path("other"));
  ASSERT_TRUE(writer.ok()) << writer.status();
  ASSERT_OK((*writer)->BeginSection("items"));
  ASSERT_OK((*writer)->Add("b", "1"));
  EXPECT_FALSE((*writer)->Add("b", "2").ok());
  EXPECT_FALSE((*writer)->Add("a", "2").ok());
}

}  // namespace
}  // namespace attune::storage
