// Every set of ../shared/data as it lies there, with the counts that its README
// states.

#include <gtest/gtest.h>

#include <filesystem>

#include "database_test_base.h"
#include "engine/ingest/ingest.h"

namespace attune {
namespace {

struct SampleSet {
  const char* folder;
  const char* items;  // empty: none
  const char* users;
  const char* events;
  const char* map;
  int64_t item_count;
  int64_t user_count;
  int64_t event_count;
  int64_t history_count;  // users with a history
};

constexpr SampleSet kSets[] = {
    {"sample-books", "items.jsonl", "users.tsv", "events.tsv", "", 1000, 2000,
     66'633, 2000},
    {"sample-retail", "items.jsonl", "", "events.tsv", "", 1200, 0, 64'045,
     1200},
    {"sample-video", "items.tsv", "", "events.tsv", "", 4107, 0, 27'883, -1},
    {"deskdrop", "", "", "events.tsv.gz", "", 0, 0, 72'312, 1895},
    {"goodbooks", "books.tsv", "", "ratings.tsv.gz",
     "item_id=book_id,order=pos", 10'000, 0, 193'171, 8204},
    {"ml-1m", "movies.tsv", "users.tsv", "ratings.tsv.gz", "categories=genres",
     3883, 6040, 999'611, 6040},
    {"online-retail", "items.tsv", "", "events.tsv.gz", "", 3676, 0, 404'909,
     -1},
    {"kuairand", "items.tsv.gz", "users.tsv.gz", "events.tsv.gz", "", 7583,
     27'285, 171'671, -1},
};

class SampleDataTest : public DatabaseTest,
                       public ::testing::WithParamInterface<SampleSet> {};

TEST_P(SampleDataTest, IsTakenWhole) {
  const SampleSet& set = GetParam();
  const std::string folder =
      StrCat(ATTUNE_SOURCE_DIR, "/../shared/data/", std::string(set.folder));
  if (!std::filesystem::exists(folder)) {
    GTEST_SKIP() << folder << " is not there";
  }
  IngestOptions options;
  auto add = [&](const char* name, std::vector<std::string>* list) {
    if (*name != '\0') list->push_back(StrCat(folder, "/", std::string(name)));
  };
  add(set.items, &options.items);
  add(set.users, &options.users);
  add(set.events, &options.events);
  options.map = ColumnMap::Parse(set.map).value();
  auto database = OpenDatabase("db");
  IngestSummary summary;
  const absl::Status status = IngestFiles(database.get(), options, &summary);
  ASSERT_TRUE(status.ok()) << status;
  const auto stats = database->Stats();
  ASSERT_TRUE(stats.ok());
  EXPECT_EQ(stats->items, set.item_count);
  EXPECT_EQ(stats->users, set.user_count);
  EXPECT_EQ(stats->events, set.event_count);
  if (set.history_count >= 0) {
    EXPECT_EQ(stats->histories, set.history_count);
  }
  for (const FileSummary& file : summary.files) {
    EXPECT_TRUE(file.complete) << file.path;
    EXPECT_EQ(file.skipped, 0) << file.path;
    EXPECT_EQ(file.misfits, 0) << file.path << " " << file.first_misfit;
  }
  ASSERT_TRUE(IngestFiles(database.get(), options, &summary).ok());
  for (const FileSummary& file : summary.files) {
    EXPECT_TRUE(file.already_done) << file.path;
  }
  EXPECT_EQ(database->Stats()->events, set.event_count);
}

INSTANTIATE_TEST_SUITE_P(All, SampleDataTest, ::testing::ValuesIn(kSets),
                         [](const auto& set) {
                           std::string name = set.param.folder;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

}  // namespace
}  // namespace attune
