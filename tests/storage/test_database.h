#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "storage/database.h"
#include "tests/temporary_directory.h"

namespace attune::storage {

inline OpenOptions WriterOptions(const std::string& path) {
  OpenOptions options;
  options.path = path;
  options.create_if_missing = true;
  options.block_cache_bytes = 8 << 20;
  options.row_cache_bytes = 1 << 20;
  options.write_buffer_bytes = 8 << 20;
  return options;
}

inline OpenOptions FollowerOptions(const std::string& path) {
  OpenOptions options = WriterOptions(path);
  options.mode = OpenOptions::Mode::kFollower;
  options.create_if_missing = false;
  return options;
}

inline std::unique_ptr<Database> MustOpen(const OpenOptions& options) {
  absl::StatusOr<std::unique_ptr<Database>> database = Database::Open(options);
  EXPECT_TRUE(database.ok()) << database.status();
  return database.ok() ? *std::move(database) : nullptr;
}

inline v1::Item MakeItem(std::string_view id, std::string_view title) {
  v1::Item item;
  item.set_item_id(std::string(id));
  item.set_title(std::string(title));
  return item;
}

inline v1::User MakeUser(std::string_view id) {
  v1::User user;
  user.set_user_id(std::string(id));
  return user;
}

inline v1::Event MakeEvent(std::string_view user, std::string_view item,
                           int64_t time_ms, std::string_view action = "click") {
  v1::Event event;
  event.set_user_id(std::string(user));
  event.set_item_id(std::string(item));
  event.set_action(std::string(action));
  event.set_time_ms(time_ms);
  return event;
}

/// Appends the event to the group as most writers do: into the history under
/// its own action, and counted once.
inline absl::Status Append(WriteGroup& group, const v1::Event& event) {
  const HistoryEntry entry{event.action()};
  const CounterUpdate update{.item_id = event.item_id(),
                             .action = event.action(),
                             .time_ms = SortKey(event)};
  return group.AppendEvent(event, &entry, {&update, 1});
}

/// "item@key item@key …", oldest first.
inline std::string Events(const v1::History& history) {
  std::string text;
  for (const v1::HistoryEvent& event : history.events()) {
    if (!text.empty()) text += ' ';
    text += event.item_id() + "@" + std::to_string(event.sort_key());
  }
  return text;
}

/// Everything a reader can see, as lines of text, but for the RocksDB sequence.
std::vector<std::string> Dump(Database& database);

inline ::testing::AssertionResult IsOk(const absl::Status& status) {
  if (status.ok()) return ::testing::AssertionSuccess();
  return ::testing::AssertionFailure() << status;
}

#define ASSERT_OK(expression) ASSERT_TRUE(IsOk(expression))
#define EXPECT_OK(expression) EXPECT_TRUE(IsOk(expression))

}  // namespace attune::storage
