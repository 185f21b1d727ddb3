#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "tests/engine/serve/trained_shop.h"

namespace attune {

/// Tests on a trained shop that all suites of the program share: read it, or
/// write to a copy.
class ShopTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_NE(shop(), nullptr); }
  /// REQUIRES: engines on copies are closed.
  void TearDown() override {
    for (const std::string& copy : copies_) {
      std::error_code error;
      std::filesystem::remove_all(copy, error);
      EXPECT_FALSE(error) << copy << ": " << error.message();
    }
  }

  /// Trained at first use, removed at the program's end; null if that failed.
  static TrainedShop* shop() {
    static const std::unique_ptr<TrainedShop> shop = [] {
      absl::StatusOr<std::unique_ptr<TrainedShop>> made = TrainedShop::Create();
      EXPECT_TRUE(made.ok()) << made.status();
      return made.ok() ? *std::move(made) : nullptr;
    }();
    return shop.get();
  }

  /// A copy of the shop's database for this test alone; model 0 is current.
  std::string CopyOfDatabase() {
    const std::string copy =
        shop()->database() + "-copy" + std::to_string(copies_.size());
    std::filesystem::copy(shop()->database(), copy,
                          std::filesystem::copy_options::recursive);
    copies_.push_back(copy);
    return copy;
  }

  static std::unique_ptr<Engine> Open(EngineOptions options) {
    absl::StatusOr<std::unique_ptr<Engine>> engine =
        Engine::Open(std::move(options));
    EXPECT_TRUE(engine.ok()) << engine.status();
    return engine.ok() ? *std::move(engine) : nullptr;
  }

  /// Items `first` … `first + count - 1` as candidates.
  static v1::RankRequest Request(const std::string& user, int first,
                                 int count) {
    v1::RankRequest request;
    request.set_user_id(user);
    request.set_now_ms(TrainedShop::kNowMs);
    for (int i = first; i < first + count; ++i) {
      request.add_candidate_ids(TrainedShop::ItemId(i));
    }
    return request;
  }

 private:
  std::vector<std::string> copies_;
};

}  // namespace attune
