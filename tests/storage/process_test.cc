// Writer, second writer and followers in different processes; kill -9; a full
// disk.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/rng.h"
#include "storage/database.h"
#include "tests/storage/child_process.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST(SecondWriterTest, ErrorNamesTheOwner) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  ChildProcess owner({"hold", path});
  ASSERT_EQ(owner.ReadLine(), "open");
  const auto second = Database::Open(WriterOptions(path));
  ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(second.status().message()),
            "database \"" + path + "\" is open for writing by process " +
                std::to_string(owner.pid()) +
                "; write through that process (attune_put_* and "
                "attune_reload_model of the plugin) or "
                "stop it");
  owner.Kill();
  // The killed owner's file is no obstacle.
  EXPECT_TRUE(std::filesystem::exists(path + "/OWNER"));
  EXPECT_NE(MustOpen(WriterOptions(path)), nullptr);
  EXPECT_FALSE(std::filesystem::exists(path + "/OWNER"));
}

TEST(SecondWriterTest, IsRefusedInTheSameProcessByWhateverPath) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  auto owner = MustOpen(WriterOptions(path));
  ASSERT_NE(owner, nullptr);
  std::filesystem::create_directory_symlink(path, directory.path() + "/link");
  for (const std::string& other :
       {path, path + "/", path + "/.", directory.path() + "/link"}) {
    SCOPED_TRACE(other);
    const auto second = Database::Open(WriterOptions(other));
    ASSERT_EQ(second.status().code(), absl::StatusCode::kFailedPrecondition);
    EXPECT_THAT(std::string(second.status().message()),
                HasSubstr("by process " + std::to_string(getpid()) + ";"));
  }
  // The refused ones took nothing from the owner, which another process still
  // finds in its way.
  ChildProcess stranger({"hold", path});
  EXPECT_NE(stranger.ReadLine(), "open");
  owner.reset();
  EXPECT_NE(MustOpen(WriterOptions(directory.path() + "/link")), nullptr);
}

TEST(SecondWriterTest, StaleOwnerFileIsNotBelieved) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  ChildProcess dead({"hold", path});
  ASSERT_EQ(dead.ReadLine(), "open");
  const pid_t dead_pid = dead.pid();
  ChildProcess* owner = nullptr;
  dead.Kill();
  ChildProcess living({"hold", path});
  owner = &living;
  ASSERT_EQ(owner->ReadLine(), "open");
  // As if the new owner were still replaying the log.
  if (std::FILE* file = std::fopen((path + "/OWNER").c_str(), "w")) {
    std::fprintf(file, "%d\n", dead_pid);
    std::fclose(file);
  }
  const auto second = Database::Open(WriterOptions(path));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("by process " + std::to_string(owner->pid()) + ";"));
}

TEST(SecondWriterTest, SameProcessIsNamed) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  const auto first = MustOpen(WriterOptions(path));
  const auto second = Database::Open(WriterOptions(path));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("by process " + std::to_string(getpid()) + ";"));
  // The first one's lock still holds.
  ChildProcess other({"hold", path});
  EXPECT_THAT(other.ReadLine(), HasSubstr(std::to_string(getpid())));
}

// What the child's events 0 … count - 1 must have led to.
void ExpectNumberedEvents(Database& database, int64_t count) {
  SCOPED_TRACE(count);
  EXPECT_EQ(database.Stats()->events, count);
  int64_t stored = 0;
  ASSERT_OK(database.ForEachEvent([&](const v1::Event& event) {
    EXPECT_EQ(event.event_id(), "event" + std::to_string(event.time_ms()));
    EXPECT_EQ(event.user_id(), "user" + std::to_string(event.time_ms() % 7));
    ++stored;
    return absl::OkStatus();
  }));
  EXPECT_EQ(stored, count);
  for (int64_t user = 0; user < 7; ++user) {
    const auto history = database.GetHistory("user" + std::to_string(user));
    ASSERT_TRUE(history.ok()) << history.status();
    const int64_t expected = (count + 6 - user) / 7;
    ASSERT_EQ(history->count(), expected);
    ASSERT_EQ(history->events_size(), std::min<int64_t>(expected, 400));
    for (int i = 0; i < history->events_size(); ++i) {
      ASSERT_EQ(history->events(history->events_size() - 1 - i).sort_key(),
                user + 7 * (expected - 1 - i));
    }
  }
  std::vector<std::string> names;
  for (int64_t item = 0; item < 11; ++item) {
    names.push_back("item" + std::to_string(item));
  }
  const std::vector<std::string_view> ids(names.begin(), names.end());
  const auto counters = database.GetCounters(ids);
  ASSERT_TRUE(counters.ok()) << counters.status();
  std::vector<std::shared_ptr<const ItemRow>> rows(ids.size());
  ASSERT_OK(database.MultiGetItems(ids, rows));
  for (int64_t item = 0; item < 11; ++item) {
    const int64_t expected = (count + 10 - item) / 11;
    const v1::Counters& counted = (*counters)[static_cast<size_t>(item)];
    ASSERT_EQ(counted.counters_size(), expected > 0 ? 1 : 0);
    if (expected > 0) {
      EXPECT_EQ(counted.counters(0).total(), static_cast<double>(expected));
    }
    EXPECT_EQ(rows[static_cast<size_t>(item)]->counters.SerializeAsString(),
              counted.SerializeAsString());
  }
}

TEST(KillTest, NothingAcknowledgedIsLost) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  Rng rng(7);
  int64_t acknowledged = 0;
  for (int round = 0; round < 8; ++round) {
    // Small enough that flushes and compactions run into the kill.
    ChildProcess writer({"write", path, "1"});
    const uint64_t lines = 1 + rng.Below(800);
    for (uint64_t i = 0; i < lines; ++i) {
      const std::string line = writer.ReadLine();
      ASSERT_THAT(line, testing::Not(HasSubstr("error")));
      ASSERT_FALSE(line.empty());
      acknowledged = std::stoll(line) + 1;
    }
    writer.Kill();
    const auto database = MustOpen(WriterOptions(path));
    ASSERT_NE(database, nullptr);
    const int64_t events = database->Stats()->events;
    // Whole groups only; more than acknowledged may have been written.
    EXPECT_EQ(events % 2, 0);
    EXPECT_GE(events, 2 * acknowledged);
    ExpectNumberedEvents(*database, events);
  }
}

TEST(FollowerTest, NeedsADatabase) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/none";
  const auto follower = Database::Open(FollowerOptions(path));
  EXPECT_EQ(follower.status(),
            absl::NotFoundError("database \"" + path + "\" does not exist"));
  EXPECT_FALSE(std::filesystem::exists(path));
  EXPECT_EQ(Database::Open(FollowerOptions(directory.path())).status().code(),
            absl::StatusCode::kNotFound);
}

TEST(FollowerTest, SeesWhatTheWriterAcknowledged) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  ChildProcess writer({"obey", path});
  ASSERT_EQ(writer.ReadLine(), "done");
  const auto follower = MustOpen(FollowerOptions(path));
  ASSERT_NE(follower, nullptr);
  ExpectNumberedEvents(*follower, 0);
  // Every kind of change to the files: log only, flush, compaction, bulk load,
  // with looks in between and without.
  int64_t count = 0;
  uint64_t sequence = follower->latest_sequence();
  const std::vector<std::pair<std::string, int64_t>> steps = {
      {"append 10", 10},
      {"append 1", 1},
      {"flush", 0},
      {"append 300", 300},
      {"flush", 0},
      {"compact", 0},
      {"append 3", 3},
      {"bulk 60000", 60000},
      {"append 5", 5},
      {"flush", 0},
      {"append 20000", 20000},
      {"bulk 50000", 50000},
      {"compact", 0},
      {"append 40", 40}};
  for (const auto& [step, events] : steps) {
    SCOPED_TRACE(step);
    writer.WriteLine(step);
    ASSERT_EQ(writer.ReadLine(), "done");
    ExpectNumberedEvents(*follower, count);  // until it catches up
    ASSERT_OK(follower->CatchUp());
    count += events;
    ExpectNumberedEvents(*follower, count);
    if (events > 0) {
      EXPECT_GT(follower->latest_sequence(), sequence);
    }
    sequence = follower->latest_sequence();
  }
  WriteGroup group;
  ASSERT_OK(group.PutItem(MakeItem("a", "")));
  EXPECT_EQ(follower->Write(std::move(group)).code(),
            absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(follower->Flush().code(), absl::StatusCode::kFailedPrecondition);

  // A deletion that the follower has not seen in the log, but only as missing
  // rows of new files.
  for (const char* step : {"delete", "flush", "compact"}) {
    writer.WriteLine(step);
    ASSERT_EQ(writer.ReadLine(), "done");
  }
  ASSERT_OK(follower->CatchUp());
  EXPECT_EQ(follower->GetHistory("user3")->count(), 0);
  ASSERT_OK(follower->ForEachEvent([&](const v1::Event& event) {
    EXPECT_NE(event.user_id(), "user3");
    EXPECT_FALSE(event.user_id() == "user4" && event.item_id() == "item4");
    return absl::OkStatus();
  }));
  // Long iterations do not keep the writer from deleting files under them.
  int64_t seen = 0;
  const int64_t events = follower->Stats()->events;
  ASSERT_OK(follower->ForEachEvent([&](const v1::Event&) {
    if (++seen == 5) {
      for (const char* step : {"append 1000", "flush", "compact"}) {
        writer.WriteLine(step);
        EXPECT_EQ(writer.ReadLine(), "done");
      }
      return follower->CatchUp();
    }
    return absl::OkStatus();
  }));
  EXPECT_EQ(seen, events);
}

TEST(FollowerTest, KeepsUpWithABusyWriter) {
  TemporaryDirectory directory;
  const std::string path = directory.path() + "/db";
  ChildProcess writer({"write", path, "4"});
  ASSERT_EQ(writer.ReadLine(), "0");
  const auto follower = MustOpen(FollowerOptions(path));
  ASSERT_NE(follower, nullptr);
  int64_t acknowledged = 1;
  for (int round = 0; round < 100; ++round) {
    for (int i = 0; i < 50; ++i) {
      acknowledged = std::stoll(writer.ReadLine()) + 1;
    }
    ASSERT_OK(follower->CatchUp());
    const int64_t events = follower->Stats()->events;
    ASSERT_GE(events, 2 * acknowledged);
    // The view does not move by itself.
    ExpectNumberedEvents(*follower, events);
  }
  // The follower outlives the writer and leaves nothing in its directory.
  writer.Kill();
  ASSERT_OK(follower->CatchUp());
  ExpectNumberedEvents(*follower, follower->Stats()->events);
  EXPECT_FALSE(std::filesystem::exists(path + "/follower"));
}

TEST(FullDiskTest, IsReportedAndSurvived) {
  TemporaryDirectory directory;
  ChildProcess child({"fill", directory.path()});
  std::vector<std::string> lines;
  for (std::string line; !(line = child.ReadLine()).empty();) {
    // Whether a flush meets the end of the disk depends on what RocksDB deletes
    // at that moment.
    if (line != "other, flush: OK") lines.push_back(line);
  }
  std::erase(lines, "other, flush: RESOURCE_EXHAUSTED");
  const int exit_code = child.Wait();
  if (exit_code == 77) {
    GTEST_SKIP() << "no permission to mount a small file system";
  }
  EXPECT_EQ(exit_code, 0);
  std::vector<std::string> expected = {"own: RESOURCE_EXHAUSTED",
                                       "own, again: RESOURCE_EXHAUSTED",
                                       "own: all there", "own, then room: OK"};
  for (int round = 0; round < 3; ++round) {
    expected.insert(
        expected.end(),
        {"other: RESOURCE_EXHAUSTED", "other, again: RESOURCE_EXHAUSTED",
         "other: all there", "other, then room: OK"});
  }
  expected.emplace_back("reopened: all there");
  EXPECT_EQ(lines, expected);
}

}  // namespace
}  // namespace attune::storage
