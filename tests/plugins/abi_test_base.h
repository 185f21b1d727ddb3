#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <string_view>

#include "plugins/c_abi/attune.h"
#include "proto/attune.pb.h"
#include "tests/plugins/boxes.h"
#include "tests/plugins/fake_engine.h"

namespace attune {

/// A test with one open fake engine.
class AbiTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Behaviour() = {};
    TakeCalls();
    engine_ = Open();
    ASSERT_NE(engine_, nullptr);
  }
  void TearDown() override {
    Behaviour() = {};
    if (engine_ != nullptr) {
      EXPECT_EQ(attune_close(engine_, nullptr), 0);
    }
  }

  static attune_engine* Open(std::string_view json = R"({"database": "db"})") {
    attune_engine* engine = nullptr;
    ErrorBox error;
    EXPECT_EQ(
        attune_open(json.data(), json.size(), nullptr, &engine, error.get()), 0)
        << error.message();
    return engine;
  }

  /// attune_rank of a request; the code.
  int Rank(const v1::RankRequest& request, v1::RankResponse* response,
           ErrorBox* error) {
    const std::string bytes = request.SerializeAsString();
    BufferBox buffer;
    const int code = attune_rank(engine_, bytes.data(), bytes.size(), nullptr,
                                 buffer.get(), error->get());
    if (code == 0) {
      EXPECT_TRUE(response->ParseFromString(buffer.bytes()));
    }
    return code;
  }

  /// attune_rank_ids of one id with these options; the code.
  int RankOneId(const attune_rank_ids_options* options, float* score,
                ErrorBox* error) {
    const char* id = "book";
    const size_t length = 4;
    return attune_rank_ids(engine_, "reader", 6, &id, &length, 1, score,
                           options, error->get());
  }

  attune_engine* engine_ = nullptr;
};

}  // namespace attune
