#include "tests/storage/test_database.h"

#include "absl/strings/str_cat.h"

namespace attune::storage {

std::vector<std::string> Dump(Database& database) {
  std::vector<std::string> lines;
  const auto add = [&lines](std::string line) {
    lines.push_back(std::move(line));
    return absl::OkStatus();
  };
  EXPECT_OK(database.ForEachItem([&](const v1::Item& item) {
    return add("item " + item.SerializeAsString());
  }));
  EXPECT_OK(database.ForEachUser([&](const v1::User& user) {
    return add("user " + user.SerializeAsString());
  }));
  EXPECT_OK(database.ForEachEvent([&](const v1::Event& event) {
    return add("event " + event.SerializeAsString());
  }));
  EXPECT_OK(database.ForEachHistory(
      [&](std::string_view user_id, const v1::History& history) {
        return add("history " + std::string(user_id) + " " +
                   history.SerializeAsString());
      }));
  EXPECT_OK(database.ForEachCounters(
      [&](std::string_view item_id, const v1::Counters& counters) {
        return add("counters " + std::string(item_id) + " " +
                   counters.SerializeAsString());
      }));
  const absl::StatusOr<Statistics> stats = database.Stats();
  EXPECT_TRUE(stats.ok()) << stats.status();
  if (stats.ok()) {
    add(absl::StrCat("counts ", stats->items, " ", stats->users, " ",
                     stats->events, " ", stats->histories))
        .IgnoreError();
  }
  return lines;
}

}  // namespace attune::storage
