#include "tests/plugins/shop_test_base.h"

#include <utility>

#include "tests/plugins/boxes.h"

namespace attune {

std::unique_ptr<TinyShop> ShopTest::shop_;

void ShopTest::SetUpTestSuite() {
  absl::StatusOr<TinyShop> shop = TinyShop::Create();
  ASSERT_TRUE(shop.ok()) << shop.status();
  shop_ = std::make_unique<TinyShop>(*std::move(shop));
}

void ShopTest::TearDown() {
  if (engine_ == nullptr) return;
  EXPECT_EQ(attune_close(engine_, nullptr), 0);
}

attune_engine* ShopTest::Open(const std::string& more) {
  return OpenAt(shop_->database(), more);
}

attune_engine* ShopTest::OpenAt(const std::string& database,
                                const std::string& more) {
  const std::string json = R"({"database": ")" + database + "\"" + more + "}";
  attune_engine* engine = nullptr;
  ErrorBox error;
  EXPECT_EQ(
      attune_open(json.data(), json.size(), nullptr, &engine, error.get()), 0)
      << error.message();
  return engine;
}

std::vector<float> ShopTest::RankIds(attune_engine* engine,
                                     const std::string& user, uint32_t flags) {
  std::vector<std::string> ids;
  std::vector<const char*> pointers;
  std::vector<size_t> lengths;
  for (int i = 0; i < kCandidates; ++i) ids.push_back(TinyShop::ItemId(i));
  for (const std::string& id : ids) {
    pointers.push_back(id.data());
    lengths.push_back(id.size());
  }
  attune_rank_ids_options options = {};
  options.struct_size = sizeof(options);
  options.flags = flags;
  options.now_ms = TinyShop::kNowMs;
  std::vector<float> scores(ids.size());
  ErrorBox error;
  EXPECT_EQ(attune_rank_ids(engine, user.data(), user.size(), pointers.data(),
                            lengths.data(), ids.size(), scores.data(), &options,
                            error.get()),
            0)
      << error.message();
  return scores;
}

v1::RankRequest ShopTest::Request(const std::string& user) {
  v1::RankRequest request;
  request.set_user_id(user);
  request.set_now_ms(TinyShop::kNowMs);
  for (int i = 0; i < kCandidates; ++i) {
    request.add_candidate_ids(TinyShop::ItemId(i));
  }
  return request;
}

v1::RankResponse ShopTest::Rank(attune_engine* engine,
                                const v1::RankRequest& request) {
  const std::string bytes = request.SerializeAsString();
  BufferBox buffer;
  ErrorBox error;
  v1::RankResponse response;
  EXPECT_EQ(attune_rank(engine, bytes.data(), bytes.size(), nullptr,
                        buffer.get(), error.get()),
            0)
      << error.message();
  EXPECT_TRUE(response.ParseFromString(buffer.bytes()));
  return response;
}

}  // namespace attune
