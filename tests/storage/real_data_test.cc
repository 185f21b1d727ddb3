// The sample of real readers (../shared/data/sample-books): what the store
// holds afterwards against a plain count of the file.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/database.h"
#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

std::vector<v1::Event> ReadSampleBooks() {
  std::vector<v1::Event> events;
  std::ifstream file(ATTUNE_SOURCE_DIR
                     "/../shared/data/sample-books/events.tsv");
  std::string line;
  std::getline(file, line);  // user_id item_id action value order
  while (std::getline(file, line)) {
    std::istringstream fields(line);
    std::string user, item, action, value, order;
    std::getline(fields, user, '\t');
    std::getline(fields, item, '\t');
    std::getline(fields, action, '\t');
    std::getline(fields, value, '\t');
    std::getline(fields, order, '\t');
    v1::Event event;
    event.set_user_id(user);
    event.set_item_id(item);
    event.set_action(action);
    event.set_order(std::stoll(order));
    v1::Feature& feature = *event.add_features();
    feature.set_name("value");
    feature.mutable_value()->set_text(value);
    events.push_back(event);
  }
  return events;
}

TEST(SampleBooksTest, HistoriesAndCountersAreThoseOfTheFile) {
  const std::vector<v1::Event> events = ReadSampleBooks();
  if (events.empty()) GTEST_SKIP() << "no ../shared/data/sample-books";
  constexpr size_t kLimit = 50;
  TemporaryDirectory directory;
  OpenOptions options = WriterOptions(directory.path() + "/written");
  options.history_limit = kLimit;
  const auto written = MustOpen(options);
  options.path = directory.path() + "/bulk";
  const auto bulk = MustOpen(options);

  WriteGroup group, all;
  std::map<std::string, std::vector<std::pair<int64_t, std::string>>> expected;
  std::map<std::string, double> totals;
  for (const v1::Event& event : events) {
    const HistoryEntry entry{event.action()};
    const CounterUpdate update{.item_id = event.item_id(),
                               .action = event.action(),
                               .time_ms = std::nullopt};
    ASSERT_OK(group.AppendEvent(event, &entry, {&update, 1}));
    ASSERT_OK(all.AppendEvent(event, &entry, {&update, 1}));
    if (group.size() == 999) {
      ASSERT_OK(written->Write(std::move(group)));
    }
    expected[event.user_id()].emplace_back(event.order(), event.item_id());
    ++totals[event.item_id()];
  }
  ASSERT_OK(written->Write(std::move(group)));
  ASSERT_OK(bulk->BulkWrite(std::move(all)));
  ASSERT_EQ(Dump(*bulk), Dump(*written));

  EXPECT_EQ(written->Stats()->events, static_cast<int64_t>(events.size()));
  EXPECT_EQ(written->Stats()->histories, static_cast<int64_t>(expected.size()));
  for (auto& [user, rows] : expected) {
    std::stable_sort(rows.begin(), rows.end(),
                     [](auto& a, auto& b) { return a.first < b.first; });
    const auto history = written->GetHistory(user);
    ASSERT_TRUE(history.ok()) << history.status();
    EXPECT_EQ(history->count(), static_cast<int64_t>(rows.size()));
    const size_t kept = std::min(rows.size(), kLimit);
    ASSERT_EQ(history->events_size(), static_cast<int>(kept)) << user;
    for (size_t i = 0; i < kept; ++i) {
      const v1::HistoryEvent& event = history->events(static_cast<int>(i));
      const auto& [order, item] = rows[rows.size() - kept + i];
      ASSERT_EQ(event.sort_key(), order);
      ASSERT_EQ(event.item_id(), item);
      ASSERT_FALSE(event.has_time());
    }
  }
  for (const auto& [item, total] : totals) {
    const std::string_view id = item;
    const auto counters = written->GetCounters({&id, 1});
    ASSERT_TRUE(counters.ok()) << counters.status();
    double sum = 0;
    for (const v1::Counter& counter : (*counters)[0].counters()) {
      sum += counter.total();
      EXPECT_EQ(counter.month(), 0);
    }
    ASSERT_EQ(sum, total) << item;
  }
}

}  // namespace
}  // namespace attune::storage
