#include "tools/simulate/simulator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/tools/simulate/shop_logs.h"

namespace attune::simulate {
namespace {

using ::testing::HasSubstr;

TEST(Simulator, SameSeedSameBytes) {
  SimulateOptions options = SmallShop(100);
  MustRun(options);
  const std::string events = ReadText(options.out_dir + "/events.tsv");
  const std::string users = ReadText(options.out_dir + "/users.tsv");
  options.out_dir = MakeFolder();
  MustRun(options);
  EXPECT_EQ(ReadText(options.out_dir + "/events.tsv"), events);
  EXPECT_EQ(ReadText(options.out_dir + "/users.tsv"), users);
}

TEST(Simulator, AnotherSeedOtherEvents) {
  SimulateOptions options = SmallShop(100);
  MustRun(options);
  const std::string events = ReadText(options.out_dir + "/events.tsv");
  options.out_dir = MakeFolder();
  options.seed = 2;
  MustRun(options);
  EXPECT_NE(ReadText(options.out_dir + "/events.tsv"), events);
}

TEST(Simulator, GzipHoldsTheSameText) {
  SimulateOptions options = SmallShop(50);
  MustRun(options);
  const std::string events = ReadText(options.out_dir + "/events.tsv");
  options.out_dir = MakeFolder();
  options.gzip = true;
  const SimulationReport report = MustRun(options);
  EXPECT_EQ(ReadText(options.out_dir + "/events.tsv.gz"), events);
  EXPECT_THAT(report.files, ::testing::Contains(HasSubstr("users.tsv.gz")));
}

TEST(Simulator, MoreReadersDoNotChangeTheFirstOnes) {
  SimulateOptions options = SmallShop(20);
  MustRun(options);
  const std::string few = ReadText(options.out_dir + "/events.tsv");
  options.out_dir = MakeFolder();
  options.users = 40;
  MustRun(options);
  EXPECT_TRUE(ReadText(options.out_dir + "/events.tsv").starts_with(few));
}

TEST(Simulator, TruthDoesNotChangeTheEvents) {
  SimulateOptions options = SmallShop(10);
  MustRun(options);
  const std::string events = ReadText(options.out_dir + "/events.tsv");
  options.out_dir = MakeFolder();
  options.truth = true;
  const SimulationReport report = MustRun(options);
  EXPECT_EQ(ReadText(options.out_dir + "/events.tsv"), events);
  const auto truth = Lines(ReadText(options.out_dir + "/truth.tsv"));
  EXPECT_EQ(truth[0], "user_id\titem_id\ttimestamp\toracle_rank");
  // One row for every first click on an item.
  std::set<std::pair<std::string, std::string>> first_clicks;
  for (const EventRow& row : ReadEvents(options.out_dir)) {
    if (row.click) first_clicks.insert({row.user, row.item});
  }
  EXPECT_EQ(truth.size() - 1, first_clicks.size());
  EXPECT_LE(truth.size() - 1, report.clicks);
}

TEST(Simulator, SearchesAddAQueryAndChangeNothingElse) {
  SimulateOptions options = SmallShop(100);
  MustRun(options);
  const auto without = Lines(ReadText(options.out_dir + "/events.tsv"));
  options.out_dir = MakeFolder();
  options.searches = 0.4;
  MustRun(options);
  const auto with = Lines(ReadText(options.out_dir + "/events.tsv"));
  ASSERT_EQ(with.size(), without.size());
  EXPECT_EQ(with[0], without[0] + "\tquery");
  std::map<std::string, std::string> text_of;  // titles and authors, lower case
  for (const std::string& line : Lines(ReadText(BookshopPath()))) {
    const auto item = nlohmann::json::parse(line);
    std::string text = item["title"].get<std::string>() + " " +
                       item["authors"].dump() + item["tags"].dump();
    std::transform(text.begin(), text.end(), text.begin(), [](char c) {
      return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    });
    text_of[item["item_id"]] = text;
  }
  int clicks = 0, searched = 0, found = 0;
  for (size_t i = 1; i < with.size(); ++i) {
    ASSERT_EQ(with[i].substr(0, without[i].size() + 1), without[i] + "\t");
    const auto fields = Fields(with[i]);
    if (fields[5] != "1") continue;
    ++clicks;
    if (fields.size() < 10 || fields[9].empty()) continue;
    ++searched;
    const std::string& query = fields[9];
    found += text_of[fields[1]].find(query.substr(0, query.find(' '))) !=
             std::string::npos;
  }
  EXPECT_NEAR(static_cast<double>(searched) / clicks, 0.4, 0.06);
  // Others of the page were clicked, too, and some words are mistyped.
  EXPECT_GT(found, searched / 3);
  options.out_dir = MakeFolder();
  options.searches = 1.5;
  EXPECT_EQ(Simulator::Create(options).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Simulator, ColumnsAreAsDocumented) {
  const SimulateOptions options = SmallShop(200);
  const SimulationReport report = MustRun(options);
  const auto users = Lines(ReadText(options.out_dir + "/users.tsv"));
  EXPECT_EQ(users[0], "user_id\tcountry\tage_band\tfavourite_language");
  EXPECT_EQ(users.size(), 201u);
  std::set<std::string> known;
  for (size_t i = 1; i < users.size(); ++i) {
    const auto fields = Fields(users[i]);
    ASSERT_EQ(fields.size(), 4u);
    EXPECT_TRUE(known.insert(fields[0]).second);
    EXPECT_THAT(fields[3], ::testing::AnyOf("en", "zh", "fr", "ru"));
  }
  std::set<std::string> items;
  for (const std::string& line : Lines(ReadText(BookshopPath()))) {
    items.insert(nlohmann::json::parse(line)["item_id"]);
  }
  EXPECT_EQ(Lines(ReadText(options.out_dir + "/events.tsv"))[0],
            "user_id\titem_id\taction\ttimestamp\tposition\tis_click\t"
            "is_comment\tis_share\tis_buy");
  const auto events = ReadEvents(options.out_dir);
  EXPECT_EQ(events.size(), report.impressions + report.returns);
  std::set<std::pair<std::string, std::string>> bought;
  const EventRow* before = nullptr;
  for (const EventRow& row : events) {
    EXPECT_TRUE(known.contains(row.user));
    EXPECT_TRUE(items.contains(row.item));
    EXPECT_GE(row.timestamp, options.start_s);
    EXPECT_LT(row.timestamp, options.start_s + (options.days + 1) * 86400);
    if (before != nullptr && before->user == row.user) {
      EXPECT_GE(row.timestamp, before->timestamp) << row.user;
    }
    before = &row;
    if (row.action == "return") {
      EXPECT_EQ(row.position, 0);
      EXPECT_FALSE(row.click || row.comment || row.share || row.buy);
      EXPECT_TRUE(bought.contains({row.user, row.item}));
      continue;
    }
    EXPECT_EQ(row.action, "impression");
    EXPECT_GE(row.position, 1);
    EXPECT_LE(row.position, 8);
    // Nothing else without a click, nothing bought twice.
    EXPECT_TRUE(row.click || !(row.comment || row.share || row.buy));
    if (row.buy) {
      EXPECT_TRUE(bought.insert({row.user, row.item}).second);
    }
  }
}

/// The default example, made once for the tests of its figures.
class ExampleLogs : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const SimulateOptions options = SmallShop(SimulateOptions().users);
    report_ = new SimulationReport(MustRun(options));
    events_ = new std::vector<EventRow>(ReadEvents(options.out_dir));
  }
  static void TearDownTestSuite() {
    delete report_;
    delete events_;
  }
  static SimulationReport* report_;
  static std::vector<EventRow>* events_;
};
SimulationReport* ExampleLogs::report_ = nullptr;
std::vector<EventRow>* ExampleLogs::events_ = nullptr;

TEST_F(ExampleLogs, SizeIsThatOfTheExample) {
  EXPECT_GE(report_->impressions, 60'000u);
  EXPECT_LE(report_->impressions, 90'000u);
  EXPECT_GE(report_->clicks, 15'000u);
  EXPECT_LE(report_->clicks, 20'000u);
  const double rate =
      static_cast<double>(report_->clicks) / report_->impressions;
  EXPECT_GE(rate, 0.20);
  EXPECT_LE(rate, 0.25);
  // Each further step is rarer.
  EXPECT_LT(report_->buys, report_->clicks / 2);
  EXPECT_LT(report_->comments, report_->buys);
  EXPECT_LT(report_->shares, report_->buys);
  EXPECT_GT(report_->returns, report_->buys / 100);
  EXPECT_LT(report_->returns, report_->buys / 10);
}

TEST_F(ExampleLogs, MostReadersHaveFiveClicks) {
  std::map<std::string, int> clicks;
  for (const EventRow& row : *events_) clicks[row.user] += row.click;
  const auto enough =
      std::count_if(clicks.begin(), clicks.end(),
                    [](const auto& entry) { return entry.second >= 5; });
  EXPECT_GT(static_cast<double>(enough) / report_->users, 0.8);
}

TEST_F(ExampleLogs, ClickRateFallsWithThePosition) {
  double shown[9] = {};
  double clicked[9] = {};
  for (const EventRow& row : *events_) {
    if (row.action != "impression") continue;
    ++shown[row.position];
    clicked[row.position] += row.click;
  }
  for (int p = 2; p <= 8; ++p) {
    // Two standard errors of slack for neighbours.
    const double slack = 2 * std::sqrt(0.2 / shown[p]);
    EXPECT_LT(clicked[p] / shown[p], clicked[p - 1] / shown[p - 1] + slack)
        << p;
  }
  EXPECT_LT(clicked[8] / shown[8], 0.5 * clicked[1] / shown[1]);
}

TEST_F(ExampleLogs, PopularityIsZipfLike) {
  std::map<std::string, double> count;
  for (const EventRow& row : *events_) ++count[row.item];
  std::vector<double> shown;
  for (const auto& entry : count) shown.push_back(entry.second);
  std::sort(shown.rbegin(), shown.rend());
  ASSERT_GE(shown.size(), 400u) << "nearly every book is shown sometimes";
  // Least squares of log(count) on log(rank) over the first 100 ranks. Search
  // and chance flatten the fame's own slope of -1.
  double sx = 0, sy = 0, sxx = 0, sxy = 0;
  const int n = 100;
  for (int rank = 1; rank <= n; ++rank) {
    const double x = std::log(rank);
    const double y = std::log(shown[rank - 1]);
    sx += x, sy += y, sxx += x * x, sxy += x * y;
  }
  const double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
  EXPECT_LT(slope, -0.4);
  EXPECT_GT(slope, -0.8);
}

TEST_F(ExampleLogs, NextClickFollowsTheAuthorOfTheLastOne) {
  // Sequence matters: the author of a click comes again right after it far
  // more often than among the clicks of another reader.
  std::map<std::string, std::string> author;
  for (const std::string& line : Lines(ReadText(BookshopPath()))) {
    const auto book = nlohmann::json::parse(line);
    author[book["item_id"]] = book["authors"][0];
  }
  int pairs = 0, same = 0, same_by_chance = 0;
  std::vector<const EventRow*> clicks;
  for (const EventRow& row : *events_) {
    if (row.click) clicks.push_back(&row);
  }
  for (size_t i = 0; i + 1 < clicks.size(); ++i) {
    const EventRow& a = *clicks[i];
    const EventRow& b = *clicks[i + 1];
    if (a.user != b.user || a.item == b.item) continue;
    ++pairs;
    same += author[a.item] == author[b.item];
    const EventRow& far = *clicks[(i + 5000) % clicks.size()];
    same_by_chance += author[a.item] == author[far.item];
  }
  EXPECT_GT(same, 4 * same_by_chance) << "of " << pairs;
}

TEST_F(ExampleLogs, BooksHaveTheirWeek) {
  // The six most clicked books of a week are clicked far more than in the week
  // after: popularity moves, so that counters need a clock.
  constexpr int64_t kWeek = 7 * 86400;
  std::map<int64_t, std::map<std::string, int>> weeks;
  for (const EventRow& row : *events_) {
    if (row.click) ++weeks[row.timestamp / kWeek][row.item];
  }
  int own_week = 0, next_week = 0;
  for (const auto& [week, counts] : weeks) {
    const auto next = weeks.find(week + 1);
    if (next == weeks.end()) continue;
    std::vector<std::pair<int, std::string>> top;
    for (const auto& [item, count] : counts) top.push_back({count, item});
    std::sort(top.rbegin(), top.rend());
    for (size_t k = 0; k < 6 && k < top.size(); ++k) {
      own_week += top[k].first;
      const auto later = next->second.find(top[k].second);
      if (later != next->second.end()) next_week += later->second;
    }
  }
  EXPECT_GT(own_week, 3 * next_week);
}

TEST(Simulator, InventsAShopOfItsOwn) {
  SimulateOptions options;
  options.out_dir = MakeFolder();
  options.items = 3000;
  options.users = 300;
  const SimulationReport report = MustRun(options);
  EXPECT_EQ(report.items, 3000u);
  const auto lines = Lines(ReadText(options.out_dir + "/items.jsonl"));
  ASSERT_EQ(lines.size(), 3000u);
  std::set<std::string> ids;
  std::map<std::string, int> languages;
  std::map<std::string, int> authors;
  for (const std::string& line : lines) {
    const auto book = nlohmann::json::parse(line);
    ids.insert(book["item_id"]);
    ++languages[book["language"]];
    ++authors[book["authors"][0]];
    EXPECT_GE(book["tags"].size(), 3u);
    EXPECT_FALSE(book["description"].get<std::string>().empty());
  }
  EXPECT_EQ(ids.size(), 3000u);
  EXPECT_EQ(languages.size(), 4u);
  EXPECT_GT(authors.size(), 300u);
  EXPECT_LT(authors.size(), 600u);
  for (const EventRow& row : ReadEvents(options.out_dir)) {
    ASSERT_TRUE(ids.contains(row.item));
  }
  const double rate = static_cast<double>(report.clicks) / report.impressions;
  EXPECT_GT(rate, 0.1);
  EXPECT_LT(rate, 0.35);
}

TEST(Simulator, ManyReadersNeedNoMoreMemory) {
#if defined(ATTUNE_SANITIZE_ADDRESS) || defined(ATTUNE_SANITIZE_THREAD)
  GTEST_SKIP() << "the sanitizer's own memory grows with every allocation";
#endif
  auto peak_kib = [] {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
  };
  SimulateOptions options;
  options.out_dir = MakeFolder();
  options.items = 50;
  options.users = 1000;
  options.gzip = true;
  MustRun(options);
  const long before = peak_kib();
  options.users = 50'000;
  const SimulationReport report = MustRun(options);
  EXPECT_GT(report.impressions, 1'000'000u);
  // The rows alone are more than 100 MB as text.
  EXPECT_LT(peak_kib() - before, 16 * 1024);
  std::filesystem::remove_all(options.out_dir);
}

TEST(Simulator, ImpossibleOptionsAreRefused) {
  auto refusal = [](auto change) {
    SimulateOptions options;
    options.out_dir = "/nowhere";
    options.items = 10;
    change(options);
    const absl::Status status = Simulator::Create(options).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal([](auto& o) { o.users = 0; }), HasSubstr("users"));
  EXPECT_THAT(refusal([](auto& o) { o.days = 0; }), HasSubstr("days: 0"));
  EXPECT_THAT(refusal([](auto& o) { o.items = 0; }), HasSubstr("neither"));
  EXPECT_THAT(refusal([](auto& o) { o.items = 1ULL << 33; }),
              HasSubstr("items"));
  EXPECT_THAT(refusal([](auto& o) { o.out_dir.clear(); }),
              HasSubstr("output folder"));
}

TEST(Simulator, AFolderThatCannotBeMadeIsNamed) {
  const std::string folder = MakeFolder();
  std::ofstream(folder + "/file") << "in the way";
  SimulateOptions options = SmallShop(1);
  options.out_dir = folder + "/file/out";
  const absl::Status status = Simulator::Create(options)->Run().status();
  EXPECT_FALSE(status.ok());
  EXPECT_THAT(std::string(status.message()), HasSubstr("/file/out"));
}

TEST(Simulator, StoppingLeavesEarlierFilesAsTheyWere) {
  const SimulateOptions options = SmallShop(20);
  std::ofstream(options.out_dir + "/events.tsv") << "old";
  absl::StatusOr<Simulator> simulator = Simulator::Create(options);
  ASSERT_TRUE(simulator.ok());
  const absl::Status status =
      simulator
          ->Run([](const SimulationReport& so_far) { return so_far.users < 5; })
          .status();
  EXPECT_TRUE(absl::IsCancelled(status));
  EXPECT_EQ(ReadText(options.out_dir + "/events.tsv"), "old");
  EXPECT_FALSE(
      std::filesystem::exists(options.out_dir + "/events.tsv.partial"));
}

}  // namespace
}  // namespace attune::simulate
