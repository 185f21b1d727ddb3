// A model is published with vectors that a job made.
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/strings.h"
#include "engine/item_embedder.h"
#include "storage/database.h"
#include "storage/record_hash.h"
#include "storage/vector_part.h"
#include "tests/engine/serve/shop_test.h"
#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

class VectorsTest : public ShopTest {
 protected:
  void SetUp() override {
    ShopTest::SetUp();
    database_ = CopyOfDatabase();
    auto embedder = ItemEmbedder::Open(shop()->model(1));
    ASSERT_TRUE(embedder.ok()) << embedder.status();
    embedder_ = *std::move(embedder);
  }

  static storage::OpenOptions Follower(const std::string& path) {
    storage::OpenOptions options;
    options.path = path;
    options.mode = storage::OpenOptions::Mode::kFollower;
    return options;
  }
  /// As the job's rows: items of the database.
  std::vector<v1::Item> Items() const {
    std::vector<v1::Item> items;
    auto database = storage::Database::Open(Follower(database_));
    EXPECT_TRUE(database.ok()) << database.status();
    EXPECT_TRUE((*database)
                    ->ForEachItem([&](const v1::Item& item) {
                      items.push_back(item);
                      return absl::OkStatus();
                    })
                    .ok());
    return items;
  }
  void WritePart(std::vector<v1::Item> items) {
    auto part = embedder_->WritePart(std::move(items), parts_.path());
    ASSERT_TRUE(part.ok()) << part.status();
    EXPECT_EQ(static_cast<uintmax_t>(part->size_bytes),
              std::filesystem::file_size(part->path));
  }
  /// Vectors of model 1, by item.
  std::map<std::string, std::string> Stored(const std::string& path) const {
    std::map<std::string, std::string> rows;
    auto database = storage::Database::Open(Follower(path));
    EXPECT_TRUE(database.ok()) << database.status();
    EXPECT_TRUE((*database)
                    ->ForEachItemVector(
                        embedder_->version(),
                        [&](std::string_view id, std::string_view bytes) {
                          rows.emplace(id, bytes);
                          return absl::OkStatus();
                        })
                    .ok());
    return rows;
  }
  /// What publishing without parts stores.
  std::map<std::string, std::string> Expected() {
    const std::string other = CopyOfDatabase();
    EngineOptions options;
    options.database_path = other;
    options.publish_items_per_second = 0;
    const auto engine = Open(std::move(options));
    EXPECT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
    return Stored(other);
  }
  std::unique_ptr<Engine> OpenOwner(int64_t items_per_second = 0) {
    EngineOptions options;
    options.database_path = database_;
    options.publish_items_per_second = items_per_second;
    options.log = [this](LogLevel, std::string_view message) {
      const std::lock_guard<std::mutex> lock(mutex_);
      log_ += StrCat(message, "\n");
    };
    return Open(std::move(options));
  }
  absl::Status Publish(Engine& engine) {
    return engine.ReloadModel(shop()->model(1), parts_.path());
  }
  static std::string CurrentModel(Engine& engine) {
    const auto response = engine.Rank(Request("user1", 0, 3));
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? response->model() : "";
  }

  std::string database_;
  TemporaryDirectory parts_;
  std::unique_ptr<ItemEmbedder> embedder_;
  std::mutex mutex_;
  std::string log_;
};

TEST_F(VectorsTest, AreThoseOfAPublicationBitForBit) {
  std::vector<v1::Item> items = Items();
  ASSERT_EQ(items.size(), static_cast<size_t>(TrainedShop::kItems));
  WritePart({items.begin(), items.begin() + 37});
  WritePart({items.begin() + 37, items.end()});
  // At one item per second embedding them anew would take 90 s.
  const auto engine = OpenOwner(1);
  ASSERT_NE(engine, nullptr);
  const auto begin = std::chrono::steady_clock::now();
  const absl::Status status = Publish(*engine);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
  EXPECT_THAT(log_, HasSubstr("90 vectors loaded from 2 parts, 0 left out"));
  EXPECT_EQ(CurrentModel(*engine), embedder_->version());
  EXPECT_EQ(Stored(database_), Expected());
}

TEST_F(VectorsTest, WhatIsMissingOrOutdatedIsEmbedded) {
  std::vector<v1::Item> items = Items();
  items.resize(60);
  for (int i = 0; i < 20; ++i) items[i].set_title("an older title");
  v1::Item& deleted = items.emplace_back();
  deleted.set_item_id("not stored");
  WritePart(items);
  const auto engine = OpenOwner();
  ASSERT_NE(engine, nullptr);
  const absl::Status status = Publish(*engine);
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(log_, HasSubstr("40 vectors loaded from 1 parts, 21 left out"));
  EXPECT_EQ(Stored(database_), Expected());
}

TEST_F(VectorsTest, OtherFilesAreRefusedAndTheOldModelStays) {
  const auto engine = OpenOwner();
  ASSERT_NE(engine, nullptr);
  const std::string before = CurrentModel(*engine);
  absl::Status status = Publish(*engine);
  EXPECT_TRUE(absl::IsNotFound(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr("has no part of vectors"));

  WritePart(Items());
  const std::string part = storage::ListVectorParts(parts_.path())->front();
  status = engine->ReloadModel(shop()->model(0), parts_.path());
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  EXPECT_THAT(status.ToString(), AllOf(HasSubstr(part), HasSubstr(before)));

  std::filesystem::resize_file(part, std::filesystem::file_size(part) - 100);
  status = Publish(*engine);
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(status.ToString(), HasSubstr(part));
  EXPECT_EQ(CurrentModel(*engine), before);
  EXPECT_TRUE(engine->ReloadModel(shop()->model(1)).ok());
}

// Right in every hash, and no vectors of this model.
TEST_F(VectorsTest, RowsThatRequestsCouldNotUseAreRefused) {
  const auto engine = OpenOwner();
  ASSERT_NE(engine, nullptr);
  const v1::Item item = Items()[0];
  WritePart({item});
  std::string row;
  std::string part = storage::ListVectorParts(parts_.path())->front();
  ASSERT_TRUE(storage::ReadVectorPart(
                  part, embedder_->version(),
                  [&](std::string_view, uint64_t, std::string_view bytes) {
                    row = bytes;
                    return absl::OkStatus();
                  })
                  .ok());
  std::string wide = row;
  wide[0] = static_cast<char>(wide[0] + 1);
  std::string infinite = row;
  const float infinity = std::numeric_limits<float>::infinity();
  std::memcpy(infinite.data() + 8, &infinity, sizeof(infinity));
  for (const std::string& bytes :
       {std::string(), std::string("short"), row.substr(0, row.size() - 1),
        wide, infinite}) {
    std::filesystem::remove(part);
    part = *storage::WriteVectorPart(
        parts_.path(), embedder_->version(),
        {{item.item_id(), storage::RecordHash(item), bytes}});
    const absl::Status status = Publish(*engine);
    EXPECT_TRUE(absl::IsDataLoss(status)) << status;
    EXPECT_THAT(status.ToString(),
                AllOf(HasSubstr(part), HasSubstr(item.item_id())));
  }
  EXPECT_EQ(Stored(database_).size(), 0u);
}

TEST_F(VectorsTest, AJobRefusesWhatADatabaseWould) {
  v1::Item item;
  item.set_title("no id");
  const auto part = embedder_->WritePart({item}, parts_.path());
  EXPECT_TRUE(absl::IsInvalidArgument(part.status())) << part.status();
  const std::atomic<bool> cancelled = true;
  EXPECT_TRUE(absl::IsCancelled(
      embedder_->WritePart(Items(), parts_.path(), &cancelled).status()));
  EXPECT_FALSE(storage::ListVectorParts(parts_.path()).ok());
  EXPECT_TRUE(absl::IsNotFound(ItemEmbedder::Open("no such model").status()));
}

}  // namespace
}  // namespace attune
