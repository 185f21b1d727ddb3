#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "plugins/c_abi/attune.h"
#include "proto/attune.pb.h"
#include "tests/plugins/tiny_shop.h"

namespace attune {

/// What tests of libattune.so itself share: a TinyShop for the suite, and the
/// calls that are expected to succeed. `engine_` is closed behind each test.
class ShopTest : public ::testing::Test {
 protected:
  static constexpr int kCandidates = 20;

  static void SetUpTestSuite();
  static void TearDownTestSuite() { shop_.reset(); }
  void SetUp() override { ASSERT_NE(shop_, nullptr); }
  void TearDown() override;

  /// An engine on the shop, or on a database of its own; `more` is JSON that
  /// begins with a comma.
  static attune_engine* Open(const std::string& more = "");
  static attune_engine* OpenAt(const std::string& database,
                               const std::string& more = "");

  /// Scores of items 0 … kCandidates - 1 for a user.
  static std::vector<float> RankIds(attune_engine* engine,
                                    const std::string& user,
                                    uint32_t flags = 0);
  /// Asks for the same.
  static v1::RankRequest Request(const std::string& user);
  static v1::RankResponse Rank(attune_engine* engine,
                               const v1::RankRequest& request);

  static std::unique_ptr<TinyShop> shop_;
  attune_engine* engine_ = nullptr;
};

}  // namespace attune
