// `attune ingest` as a process: killed, interrupted, beside another owner.

#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <nlohmann/json.hpp>

#include "absl/strings/str_format.h"
#include "base/rng.h"
#include "program_test_base.h"
#include "storage/database.h"

namespace attune {
namespace {

using storage::Database;
using storage::OpenOptions;
using ::testing::HasSubstr;

constexpr int kItems = 3000;
constexpr int kEvents = 60'000;
constexpr int kRowsPerWrite = 250;

std::unique_ptr<Database> OpenDatabase(const std::string& path,
                                       OpenOptions::Mode mode) {
  OpenOptions options;
  options.path = path;
  options.mode = mode;
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options);
  return database.ok() ? *std::move(database) : nullptr;
}

std::string Bytes(const google::protobuf::MessageLite& message) {
  std::string bytes;
  message.SerializeToString(&bytes);
  return bytes;
}

// Decayed sums to 9 digits: their last bits depend on which of RocksDB's merges
// came first, and a kill changes that.
std::string CountersText(const v1::Counters& counters) {
  std::string text;
  for (const v1::Counter& counter : counters.counters()) {
    text += absl::StrFormat("%s %.17g %d %.9g %.9g %.9g;", counter.action(),
                            counter.total(), counter.reference_ms(),
                            counter.day(), counter.week(), counter.month());
  }
  return text;
}

// All rows, without epochs, which count writes.
std::string Dump(const std::string& path) {
  const auto database = OpenDatabase(path, OpenOptions::Mode::kFollower);
  if (database == nullptr) return "no database";
  std::string dump;
  auto add = [&dump](std::string_view kind, std::string_view bytes) {
    dump += StrCat(kind, ":", bytes, "\n");
    return absl::OkStatus();
  };
  absl::Status status;
  status.Update(database->ForEachItem(
      [&](const v1::Item& item) { return add("item", Bytes(item)); }));
  status.Update(database->ForEachEvent(
      [&](const v1::Event& event) { return add("event", Bytes(event)); }));
  status.Update(database->ForEachHistory(
      [&](std::string_view user_id, const v1::History& history) {
        v1::History plain = history;
        plain.clear_epoch();
        return add(user_id, Bytes(plain));
      }));
  status.Update(database->ForEachCounters(
      [&](std::string_view item_id, const v1::Counters& counters) {
        return add(item_id, CountersText(counters));
      }));
  const auto schema = database->GetMeta("schema");
  EXPECT_TRUE(status.ok() && schema.ok()) << status;
  return dump + schema->value_or("no schema");
}

// Where two dumps part, for the message of a failed comparison; else empty.
std::string Difference(std::string_view a, std::string_view b) {
  if (a == b) return "";
  size_t place = 0;
  while (place < a.size() && place < b.size() && a[place] == b[place]) ++place;
  const size_t begin = a.substr(0, place).rfind('\n') + 1;
  return ::testing::PrintToString(std::string(a.substr(begin, 200))) +
         " is not " +
         ::testing::PrintToString(std::string(b.substr(begin, 200)));
}

class IngestProcessTest : public ProgramTest {
 protected:
  void SetUp() override {
    std::string items, events = "user_id\titem_id\taction\ttimestamp\tprice\n";
    for (int i = 0; i < kItems; ++i) {
      items += StrCat("{\"item_id\":", i, ",\"title\":\"Title ", i,
                      "\",\"year\":", 1800 + i % 200, "}\n");
    }
    Rng rng(9);
    for (int i = 0; i < kEvents; ++i) {
      events += StrCat("u", rng.Below(700), "\t", rng.Below(kItems), "\t",
                       rng.Bernoulli(0.2) ? "buy" : "view", "\t",
                       1'600'000'000 + i / 2, "\t", rng.Below(50), "\n");
    }
    items_ = WriteFile("items.jsonl", items);
    events_ = WriteFile("events.tsv", events);
  }

  std::vector<std::string> Arguments(const std::string& database) const {
    return {"ingest",
            "--db",
            database,
            "--items",
            items_,
            "--events",
            events_,
            "--rows-per-write",
            StrCat(kRowsPerWrite)};
  }

  // Lets the process work until the database holds `events` events, or it ends.
  static void RunUntil(ChildProcess& process, const std::string& path,
                       int64_t events) {
    std::unique_ptr<Database> follower;
    while (!process.Ended()) {
      // Not there at first, and for moments half made.
      if (follower == nullptr) {
        follower = OpenDatabase(path, OpenOptions::Mode::kFollower);
        if (follower == nullptr) continue;
      }
      if (!follower->CatchUp().ok()) continue;
      const auto stats = follower->Stats();
      if (stats.ok() && stats->events >= events) return;
    }
  }

  static int64_t Events(const std::string& path) {
    const auto database = OpenDatabase(path, OpenOptions::Mode::kFollower);
    return database == nullptr ? -1 : database->Stats()->events;
  }

  std::string items_;
  std::string events_;
};

TEST_F(IngestProcessTest, KilledAndStartedAgainItEndsAsIfNothingHadHappened) {
  const std::string whole = Path("whole"), killed = Path("killed");
  ASSERT_EQ(RunProgram(Arguments(whole), directory()).exit_code, 0);
  EXPECT_EQ(Events(whole), kEvents);

  int kills_on_the_way = 0;
  int64_t before = 0;
  for (const int64_t events : {1, 2'000, 9'000, 20'000}) {
    ChildProcess process(Arguments(killed), directory());
    RunUntil(process, killed, events);
    process.Send(SIGKILL);
    if (process.Wait() != -SIGKILL) break;
    const int64_t now = Events(killed);
    // What was acknowledged is still there, in whole groups.
    EXPECT_GE(now, std::max(before, events));
    EXPECT_EQ(now % kRowsPerWrite, 0) << now;
    before = now;
    if (now < kEvents) ++kills_on_the_way;
  }
  EXPECT_GE(kills_on_the_way, 2);
  const ProgramResult last = RunProgram(Arguments(killed), directory());
  ASSERT_EQ(last.exit_code, 0) << last.errors;
  EXPECT_THAT(last.output, HasSubstr("continued behind line"));
  EXPECT_EQ(Difference(Dump(killed), Dump(whole)), "");

  const ProgramResult again = RunProgram(Arguments(killed), directory());
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_THAT(again.output, HasSubstr("taken already, nothing to do"));
  EXPECT_EQ(Difference(Dump(killed), Dump(whole)), "");
}

TEST_F(IngestProcessTest, AnInterruptStopsItWhereItCanGoOn) {
  const std::string path = Path("db");
  ChildProcess process(Arguments(path), directory());
  RunUntil(process, path, 2'000);
  process.Send(SIGINT);
  ASSERT_EQ(process.Wait(), 1) << process.Errors();
  EXPECT_THAT(process.Errors(), HasSubstr("stopped behind this line"));
  EXPECT_LT(Events(path), kEvents);
  ASSERT_EQ(RunProgram(Arguments(path), directory()).exit_code, 0);
  EXPECT_EQ(Events(path), kEvents);
}

TEST_F(IngestProcessTest, AnotherOwnerIsNamedAndReadersAreLetIn) {
  const std::string path = Path("db");
  ASSERT_EQ(RunProgram(Arguments(path), directory()).exit_code, 0);
  auto owner = OpenDatabase(path, OpenOptions::Mode::kWriter);
  ASSERT_NE(owner, nullptr);
  const ProgramResult refused = RunProgram(Arguments(path), directory());
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_THAT(refused.errors, HasSubstr(StrCat(::getpid())));
  EXPECT_EQ(refused.output, "");

  storage::WriteGroup group;
  v1::Item item;
  item.set_item_id("brand new");
  ASSERT_TRUE(group.PutItem(item).ok());
  ASSERT_TRUE(owner->Write(std::move(group)).ok());
  const ProgramResult shown =
      RunProgram({"show", "--db", path, "--json"}, directory());
  ASSERT_EQ(shown.exit_code, 0) << shown.errors;
  EXPECT_EQ(nlohmann::json::parse(shown.output)["items"], kItems + 1);
}

}  // namespace
}  // namespace attune
