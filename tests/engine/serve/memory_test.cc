// One ceiling holds what an engine keeps.
#include <gmock/gmock.h>
#include <malloc.h>

#include <nlohmann/json.hpp>

#include "engine/memory_budget.h"
#include "engine/model/model.h"
#include "tests/engine/serve/shop_test.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr size_t kMiB = size_t{1} << 20;

TEST(MemoryBudgetTest, SharesNeverPassTheCeiling) {
  for (const size_t limit : {8 * kMiB, 64 * kMiB, 1024 * kMiB, 5000 * kMiB}) {
    ASSERT_TRUE(MemoryBudget::Check(limit).ok()) << limit;
    const MemoryBudget budget(limit);
    for (size_t models = 0; models < limit; models += limit / 17) {
      const size_t caches = budget.user_state_bytes(models) +
                            2 * budget.item_bytes_per_model(models);
      if (!budget.CheckModels(models).ok()) continue;
      EXPECT_GE(caches, MemoryBudget::kLeastBytes);
      EXPECT_LE(budget.block_cache_bytes() + budget.row_cache_bytes() +
                    budget.write_buffer_bytes() + models + caches,
                limit)
          << limit << " " << models;
    }
  }
}

TEST(MemoryBudgetTest, TheLimitThatARefusalNamesSuffices) {
  for (const size_t models : {3 * kMiB, 50 * kMiB, 700 * kMiB}) {
    const absl::Status refused = MemoryBudget(8 * kMiB).CheckModels(models);
    ASSERT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
    const std::string message(refused.message());
    const size_t at = message.find("at least ") + 9;
    const size_t named = std::stoul(message.substr(at)) * kMiB;
    EXPECT_TRUE(MemoryBudget(named).CheckModels(models).ok()) << message;
    EXPECT_FALSE(
        MemoryBudget(named * 9 / 10 - 2 * kMiB).CheckModels(models).ok())
        << message;
  }
}

TEST(MemoryBudgetTest, ALimitBelowTheStoresShareIsRefused) {
  EXPECT_TRUE(MemoryBudget::Check(7 * kMiB).ok());
  const absl::Status refused = MemoryBudget::Check(4 * kMiB);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(refused.ToString(), HasSubstr("4.0 MiB is too small"));
}

class MemoryTest : public ShopTest {
 protected:
  absl::StatusOr<std::unique_ptr<Engine>> OpenWith(size_t limit) {
    EngineOptions options;
    options.database_path = CopyOfDatabase();
    options.memory_limit_bytes = limit;
    options.publish_items_per_second = 0;
    return Engine::Open(std::move(options));
  }
  size_t ModelBytes() {
    const auto model = Model::Load(shop()->model(0), {});
    EXPECT_TRUE(model.ok());
    return (*model)->size_bytes();
  }
};

TEST_F(MemoryTest, AModelSaysWhatItTakes) {
  if (mallinfo2().uordblks == 0) GTEST_SKIP() << "malloc keeps no count here";
  // Once before: what is made once per process does not belong to the model.
  ASSERT_TRUE(Model::Load(shop()->model(0), {}).ok());
  const struct mallinfo2 before = mallinfo2();
  const auto model = Model::Load(shop()->model(0), {});
  const struct mallinfo2 after = mallinfo2();
  ASSERT_TRUE(model.ok());
  const double held = static_cast<double>(after.uordblks + after.hblkhd) -
                      static_cast<double>(before.uordblks + before.hblkhd);
  const double said = static_cast<double>((*model)->size_bytes());
  EXPECT_GE(said, 0.8 * held);
  EXPECT_LE(said, 2.0 * held);
}

TEST_F(MemoryTest, ACeilingThatCannotHoldTwoModelsIsRefused) {
  const size_t model = ModelBytes();
  // Enough for the store and half of the least for caches.
  const size_t limit = (2 * model + kMiB / 2 + 4 * kMiB) * 32 / 27;
  const auto refused = OpenWith(limit);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kResourceExhausted);
  EXPECT_THAT(refused.status().ToString(),
              HasSubstr("models and retrieval indexes take"));
  EXPECT_THAT(refused.status().ToString(), HasSubstr("raise it"));
}

TEST_F(MemoryTest, ReloadsAndNamedModelsStayWithinTheCeiling) {
  const size_t limit = (2 * ModelBytes() + 2 * kMiB) * 16 / 11 + 8 * kMiB;
  auto opened = OpenWith(limit);
  ASSERT_TRUE(opened.ok()) << opened.status();
  Engine& engine = **opened;
  std::vector<std::string> versions;
  for (int round = 0; round < 4; ++round) {
    const absl::Status status = engine.ReloadModel(shop()->model(round % 2));
    ASSERT_TRUE(status.ok()) << status;
    const auto response = engine.Rank(Request("user1", 0, 5));
    ASSERT_TRUE(response.ok()) << response.status();
    versions.push_back(response->model());
    // Without candidates: the index is built.
    EXPECT_TRUE(engine.Rank(Request("user1", 0, 0)).ok());
  }
  EXPECT_NE(versions[0], versions[1]);
  for (const std::string& version : versions) {
    v1::RankRequest request = Request("user1", 0, 5);
    request.set_model(version);
    const auto response = engine.Rank(request);
    ASSERT_TRUE(response.ok()) << response.status();
    EXPECT_EQ(response->model(), version);
  }
  const auto stats =
      nlohmann::json::parse(engine.Stats(Engine::StatsFormat::kJson));
  EXPECT_LE(stats["memory"]["models_bytes"].get<size_t>() +
                stats["memory"]["user_states_limit_bytes"].get<size_t>(),
            limit);
  EXPECT_GT(stats["memory"]["models_bytes"].get<size_t>(), 2 * ModelBytes());
}

}  // namespace
}  // namespace attune
