// Opening, closing, formats and damaged files.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "rocksdb/db.h"
#include "storage/database.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

std::vector<std::string> Children(const std::string& directory) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(directory)) {
    names.push_back(entry.path().filename().string());
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::string ReadFile(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void WriteFile(const fs::path& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

// A database with rows in table files and in the log.
void MakeDatabase(const std::string& path) {
  const auto database = MustOpen(WriterOptions(path));
  ASSERT_NE(database, nullptr);
  for (int round = 0; round < 2; ++round) {
    WriteGroup group;
    for (int i = 0; i < 500; ++i) {
      const std::string id = "i" + std::to_string(1000 * round + i);
      ASSERT_OK(group.PutItem(MakeItem(id, std::string(100, 'x') + id)));
      ASSERT_OK(Append(group, MakeEvent("u" + std::to_string(i), id, i)));
    }
    ASSERT_OK(database->Write(std::move(group)));
    if (round == 0) {
      ASSERT_OK(database->Flush());
    }
  }
}

// Reads everything: Ok, or the first error.
absl::Status ReadAll(Database& database) {
  absl::Status status =
      database.ForEachItem([](const v1::Item&) { return absl::OkStatus(); });
  if (status.ok()) {
    status = database.ForEachEvent(
        [](const v1::Event&) { return absl::OkStatus(); });
  }
  if (status.ok()) {
    status = database.ForEachHistory(
        [](std::string_view, const v1::History&) { return absl::OkStatus(); });
  }
  if (status.ok()) status = database.GetItem("i7").status();
  return status;
}

absl::Status OpenAndReadAll(const OpenOptions& options) {
  auto database = Database::Open(options);
  return database.ok() ? ReadAll(**database) : database.status();
}

TEST(OpenTest, RefusesWhatIsNotThere) {
  TemporaryDirectory directory;
  OpenOptions options = WriterOptions(directory.path() + "/db");
  options.create_if_missing = false;
  EXPECT_EQ(
      Database::Open(options).status(),
      absl::NotFoundError("database \"" + options.path + "\" does not exist"));
  EXPECT_FALSE(fs::exists(options.path));
  options.create_if_missing = true;
  options.path = directory.path() + "/none/db";
  EXPECT_EQ(Database::Open(options).status().code(),
            absl::StatusCode::kUnavailable);
  options.path = directory.path() + "/file";
  WriteFile(options.path, "x");
  EXPECT_EQ(Database::Open(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.path = "";
  EXPECT_EQ(Database::Open(options).status().code(),
            absl::StatusCode::kInvalidArgument);
  options.path = directory.path() + "/db";
  options.history_limit = 0;
  EXPECT_EQ(Database::Open(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(OpenTest, WorksInADirectoryWithSpaces) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/a b é";
  MakeDatabase(path);
  EXPECT_OK(OpenAndReadAll(WriterOptions(path)));
  EXPECT_OK(OpenAndReadAll(FollowerOptions(path)));
}

TEST(OpenTest, LeavesNothingBehind) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  MakeDatabase(path);
  const std::vector<std::string> threads = Children("/proc/self/task");
  const size_t descriptors = Children("/proc/self/fd").size();
  ::testing::internal::CaptureStderr();
  ::testing::internal::CaptureStdout();
  for (int round = 0; round < 3; ++round) {
    const auto database = MustOpen(WriterOptions(path));
    ASSERT_OK(ReadAll(*database));
    WriteGroup group;
    ASSERT_OK(group.PutItem(MakeItem("x", "y")));
    ASSERT_OK(database->Write(std::move(group)));
    ASSERT_OK(database->Compact());
    EXPECT_EQ(ReadFile(path + "/OWNER"), std::to_string(getpid()) + "\n");
    const auto follower = MustOpen(FollowerOptions(path));
    ASSERT_OK(ReadAll(*follower));
    ASSERT_OK(follower->CatchUp());
    EXPECT_GT(Children("/proc/self/task").size(), threads.size());
  }
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(Children("/proc/self/task"), threads);
  EXPECT_EQ(Children("/proc/self/fd").size(), descriptors);
  EXPECT_FALSE(fs::exists(path + "/OWNER"));
  EXPECT_FALSE(fs::exists(path + "/LOG"));
}

TEST(OpenTest, AFollowersViewMayMoveUnderAnIteration) {
  TemporaryDirectory directory;
  const auto writer = MustOpen(WriterOptions(directory.path() + "/db"));
  const auto write = [&](int number) {
    WriteGroup group;
    ASSERT_OK(group.PutItem(MakeItem("item" + std::to_string(number), "y")));
    ASSERT_OK(writer->Write(std::move(group)));
  };
  for (int item = 0; item < 3; ++item) write(item);
  const auto follower = MustOpen(FollowerOptions(directory.path() + "/db"));
  for (int round = 0; round < 6; ++round) {
    int seen = 0;
    ASSERT_OK(follower->ForEachItem([&](const v1::Item&) {
      if (seen++ == 0) {
        write(3 + round);
        const absl::Status moved = round % 3 == 1   ? writer->Flush()
                                   : round % 3 == 2 ? writer->Compact()
                                                    : absl::OkStatus();
        EXPECT_TRUE(moved.ok());
        EXPECT_TRUE(follower->CatchUp().ok());
      }
      return absl::OkStatus();
    }));
    EXPECT_EQ(seen, 3 + round);
  }
}

TEST(OpenTest, LogCallbackGetsWarningsOnly) {
  TemporaryDirectory directory;
  OpenOptions options = WriterOptions(directory.path() + "/db");
  std::mutex mutex;
  std::vector<std::pair<LogLevel, std::string>> messages;
  options.log = [&](LogLevel level, std::string_view message) {
    const std::lock_guard lock(mutex);
    messages.emplace_back(level, message);
  };
  MustOpen(options).reset();
  MustOpen(options).reset();
  for (const auto& [level, message] : messages) {
    EXPECT_GE(level, LogLevel::kWarning) << message;
  }
}

TEST(OpenTest, RefusesOtherFormats) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  MakeDatabase(path);
  const std::string expected =
      "database \"" + path +
      "\" has format 7, this build reads up to 3: upgrade Attune";
  // As a newer build leaves it: refused before anything is touched.
  WriteFile(path + "/ATTUNE_FORMAT", "7\n");
  const std::vector<std::string> files = Children(path);
  for (const auto& options : {WriterOptions(path), FollowerOptions(path)}) {
    const auto database = Database::Open(options);
    EXPECT_EQ(database.status(), absl::FailedPreconditionError(expected));
  }
  EXPECT_EQ(Children(path), files);
  // As an older one did.
  WriteFile(path + "/ATTUNE_FORMAT", "1\n");
  EXPECT_EQ(Database::Open(WriterOptions(path)).status(),
            absl::FailedPreconditionError(
                "database \"" + path +
                "\" has format 1, this build reads from 3 on: ingest its "
                "files into a new one"));
  WriteFile(path + "/ATTUNE_FORMAT", "3\n");
  EXPECT_OK(OpenAndReadAll(WriterOptions(path)));
  WriteFile(path + "/ATTUNE_FORMAT", "abc\n");
  EXPECT_EQ(Database::Open(WriterOptions(path)).status().code(),
            absl::StatusCode::kDataLoss);

  // The meta row alone is believed, too.
  WriteFile(path + "/ATTUNE_FORMAT", "3\n");
  {
    std::vector<std::string> names;
    ASSERT_TRUE(rocksdb::DB::ListColumnFamilies({}, path, &names).ok());
    std::vector<rocksdb::ColumnFamilyDescriptor> families;
    for (const std::string& name : names) {
      families.emplace_back(name, rocksdb::ColumnFamilyOptions());
    }
    std::vector<rocksdb::ColumnFamilyHandle*> handles;
    rocksdb::DB* db = nullptr;
    rocksdb::DBOptions db_options;
    db_options.avoid_flush_during_recovery = true;
    ASSERT_TRUE(
        rocksdb::DB::Open(db_options, path, families, &handles, &db).ok());
    ASSERT_TRUE(db->Put(rocksdb::WriteOptions(), "attune.format", "7").ok());
    for (auto* handle : handles) {
      ASSERT_TRUE(db->DestroyColumnFamilyHandle(handle).ok());
    }
    delete db;
  }
  EXPECT_EQ(Database::Open(WriterOptions(path)).status(),
            absl::FailedPreconditionError(expected));
}

TEST(OpenTest, RefusesForeignDatabases) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  rocksdb::Options options;
  options.create_if_missing = true;
  rocksdb::DB* db = nullptr;
  ASSERT_TRUE(rocksdb::DB::Open(options, path, &db).ok());
  delete db;
  for (const auto& open : {WriterOptions(path), FollowerOptions(path)}) {
    const auto database = Database::Open(open);
    EXPECT_EQ(database.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(database.status().message()),
                HasSubstr("not one of Attune"));
  }
}

TEST(OpenTest, FinishesACreationThatWasKilled) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  fs::create_directory(path);
  WriteFile(path + "/ATTUNE_FORMAT", StrCat(kFormatVersion, "\n"));
  OpenOptions options = WriterOptions(path);
  {  // only the default family was made
    rocksdb::Options plain;
    plain.create_if_missing = true;
    rocksdb::DB* db = nullptr;
    ASSERT_TRUE(rocksdb::DB::Open(plain, path, &db).ok());
    delete db;
  }
  EXPECT_FALSE(Database::Open(FollowerOptions(path)).ok());
  EXPECT_OK(OpenAndReadAll(options));
  EXPECT_OK(OpenAndReadAll(FollowerOptions(path)));
}

TEST(DamageTest, MissingCurrentIsNotANewDatabase) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  MakeDatabase(path);
  fs::remove(path + "/CURRENT");
  const std::vector<std::string> files = Children(path);
  const auto database = Database::Open(WriterOptions(path));
  EXPECT_EQ(database.status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(database.status().message()),
              HasSubstr("CURRENT is missing"));
  EXPECT_EQ(Children(path), files);
}

// Every file in turn: cut, emptied, overwritten, removed. Opening or reading
// gives an error or everything (a file may be unimportant); never a crash.
TEST(DamageTest, DamagedFilesGiveErrors) {
  TemporaryDirectory directory;
  const std::string original = directory.path() + "/original";
  MakeDatabase(original);
  int errors = 0;
  for (const auto& entry : fs::directory_iterator(original)) {
    const std::string name = entry.path().filename().string();
    if (name == "LOCK") continue;
    const std::string content = ReadFile(entry.path());
    for (const char* damage : {"cut", "empty", "overwrite", "remove"}) {
      SCOPED_TRACE(name + " " + damage);
      const fs::path copy = directory.path() + "/copy";
      fs::remove_all(copy);
      fs::copy(original, copy);
      std::string damaged = content;
      if (std::string(damage) == "cut") damaged.resize(content.size() / 2);
      if (std::string(damage) == "empty") damaged.clear();
      if (std::string(damage) == "overwrite") {
        for (size_t i = content.size() / 3; i < 2 * content.size() / 3; ++i) {
          damaged[i] = static_cast<char>(damaged[i] ^ 0x5A);
        }
      }
      WriteFile(copy / name, damaged);
      if (std::string(damage) == "remove") fs::remove(copy / name);
      for (const bool follower : {true, false}) {
        OpenOptions options = follower ? FollowerOptions(copy.string())
                                       : WriterOptions(copy.string());
        const absl::Status status = OpenAndReadAll(options);
        if (!status.ok()) {
          ++errors;
          EXPECT_FALSE(status.message().empty());
        }
        if (name.ends_with(".sst") && std::string(damage) == "overwrite" &&
            status.ok()) {
          // Families that ReadAll does not touch.
          continue;
        }
        if (name == "CURRENT" || name.starts_with("MANIFEST")) {
          EXPECT_FALSE(status.ok()) << "follower: " << follower;
        }
      }
    }
  }
  EXPECT_GT(errors, 20);
}

TEST(DamageTest, DamagedRowsAreDataLoss) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  MakeDatabase(path);
  // Flip a byte in the middle of each items file.
  {
    const auto database = MustOpen(WriterOptions(path));
    ASSERT_OK(database->Compact());
  }
  int damaged = 0;
  for (const auto& entry : fs::directory_iterator(path)) {
    if (entry.path().extension() != ".sst") continue;
    std::string content = ReadFile(entry.path());
    content[content.size() / 4] ^= 0x40;
    WriteFile(entry.path(), content);
    ++damaged;
  }
  ASSERT_GT(damaged, 2);
  const auto database = Database::Open(WriterOptions(path));
  const absl::Status status =
      database.ok() ? ReadAll(**database) : database.status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
}

}  // namespace
}  // namespace attune::storage
