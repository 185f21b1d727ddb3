#pragma once

#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "absl/strings/str_format.h"
#include "base/strings.h"
#include "storage/database.h"
#include "tests/temporary_directory.h"

namespace attune {

/// A temporary directory and a database in it.
class DatabaseTest : public ::testing::Test {
 protected:
  std::string Path(std::string_view name) const {
    return directory_.File(name);
  }
  std::string WriteFile(std::string_view name, std::string_view content) const {
    return directory_.Write(name, content);
  }
  std::string WriteGzip(std::string_view name, std::string_view content,
                        double share = 1) const {
    const std::string path = Path(name);
    gzFile file = gzopen(path.c_str(), "wb");
    gzwrite(file, content.data(), static_cast<unsigned>(content.size()));
    gzclose(file);
    std::filesystem::resize_file(
        path,
        static_cast<uintmax_t>(
            share * static_cast<double>(std::filesystem::file_size(path))));
    return path;
  }

  std::unique_ptr<storage::Database> OpenDatabase(std::string_view name) {
    storage::OpenOptions options;
    options.path = Path(name);
    options.create_if_missing = true;
    auto database = storage::Database::Open(options);
    EXPECT_TRUE(database.ok()) << database.status();
    return *std::move(database);
  }

  /// All that a user of the database can tell apart, as text. Without epochs,
  /// which count writes.
  static std::string Dump(storage::Database& database);

 private:
  TemporaryDirectory directory_;
};

inline std::string DatabaseTest::Dump(storage::Database& database) {
  std::string dump;
  auto add = [&dump](std::string_view kind, const auto& message) {
    std::string bytes;
    message.SerializeToString(&bytes);
    dump += StrCat(kind, " ", bytes, "\n");
    return absl::OkStatus();
  };
  EXPECT_TRUE(
      database
          .ForEachItem([&](const v1::Item& item) { return add("item", item); })
          .ok());
  EXPECT_TRUE(
      database
          .ForEachUser([&](const v1::User& user) { return add("user", user); })
          .ok());
  EXPECT_TRUE(database
                  .ForEachEvent([&](const v1::Event& event) {
                    return add("event", event);
                  })
                  .ok());
  EXPECT_TRUE(database
                  .ForEachHistory([&](std::string_view user_id,
                                      const v1::History& history) {
                    v1::History plain = history;
                    plain.clear_epoch();
                    return add(StrCat("history ", user_id), plain);
                  })
                  .ok());
  EXPECT_TRUE(database
                  .ForEachCounters([&](std::string_view item_id,
                                       const v1::Counters& counters) {
                    dump += StrCat("counters ", item_id);
                    for (const v1::Counter& counter : counters.counters()) {
                      // Decayed sums to 9 digits: their last bits depend on
                      // the order of RocksDB's merges.
                      dump += absl::StrFormat(
                          " %s %.17g %d %.9g %.9g %.9g", counter.action(),
                          counter.total(), counter.reference_ms(),
                          counter.day(), counter.week(), counter.month());
                    }
                    dump += "\n";
                    return absl::OkStatus();
                  })
                  .ok());
  const auto schema = database.GetMeta("schema");
  EXPECT_TRUE(schema.ok());
  if (schema.ok() && schema->has_value()) dump += **schema;
  return dump;
}

}  // namespace attune
