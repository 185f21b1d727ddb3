#include <stdexcept>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class WriteTest : public AbiTest {
 protected:
  ErrorBox error_;
};

TEST_F(WriteTest, RecordsReachTheEngineInOneCall) {
  v1::PutItemsRequest items;
  items.add_items()->set_item_id("i1");
  items.add_items()->set_item_id("i2");
  std::string bytes = items.SerializeAsString();
  EXPECT_EQ(attune_put_items(engine_, bytes.data(), bytes.size(),
                             ATTUNE_PUT_SYNC, nullptr),
            0);
  v1::PutUsersRequest users;
  users.add_users()->set_user_id("u1");
  bytes = users.SerializeAsString();
  EXPECT_EQ(attune_put_users(engine_, bytes.data(), bytes.size(), 0, nullptr),
            0);
  v1::PutEventsRequest events;
  events.add_events()->set_user_id("u1");
  events.mutable_events(0)->set_item_id("i2");
  bytes = events.SerializeAsString();
  EXPECT_EQ(attune_put_events(engine_, bytes.data(), bytes.size(), 0, nullptr),
            0);
  EXPECT_THAT(TakeCalls(), ElementsAre("PutItems i1 i2 sync", "PutUsers u1",
                                       "PutEvents u1:i2"));
}

TEST_F(WriteTest, UnknownFlagsAreRefused) {
  EXPECT_EQ(attune_put_items(engine_, nullptr, 0, 2, error_.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("unknown flags 2"));
  EXPECT_EQ(attune_put_users(engine_, nullptr, 0, 4, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_put_events(engine_, nullptr, 0, 8, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(TakeCalls(), ElementsAre());
}

TEST_F(WriteTest, TooManyBytesAreRefusedUnread) {
  const char byte = 0;
  EXPECT_EQ(
      attune_put_items(engine_, &byte, (size_t{64} << 20) + 1, 0, error_.get()),
      ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("at most 67108864"));
  EXPECT_EQ(attune_put_items(engine_, nullptr, 3, 0, error_.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("NULL with length 3"));
}

TEST_F(WriteTest, TheOtherCallsReachTheEngine) {
  EXPECT_EQ(attune_delete_item(engine_, "i1", 2, nullptr), 0);
  EXPECT_EQ(attune_delete_user(engine_, "u1", 2, nullptr), 0);
  EXPECT_EQ(attune_delete_user_events(engine_, "u1", 2, nullptr, 0, nullptr),
            0);
  EXPECT_EQ(attune_delete_user_events(engine_, "u1", 2, "i1", 2, nullptr), 0);
  EXPECT_EQ(attune_prefetch_user(engine_, "u1", 2, "v2", 2, nullptr), 0);
  EXPECT_EQ(attune_reload_model(engine_, "new model", 9, nullptr), 0);
  EXPECT_EQ(attune_reload_model_with_vectors(engine_, "new model", 9, "parts",
                                             5, nullptr),
            0);
  EXPECT_EQ(attune_rollback_model(engine_, nullptr), 0);
  EXPECT_EQ(attune_cancel_reload(engine_, nullptr), 0);
  EXPECT_EQ(attune_refresh(engine_, nullptr), 0);
  EXPECT_THAT(TakeCalls(),
              ElementsAre("DeleteItem i1", "DeleteUser u1",
                          "DeleteUserEvents u1:", "DeleteUserEvents u1:i1",
                          "PrefetchUser u1:v2", "ReloadModel new model",
                          "ReloadModel new model with parts", "RollbackModel",
                          "CancelReload", "Refresh"));
}

TEST_F(WriteTest, ModelDirectoryIsChecked) {
  EXPECT_EQ(attune_reload_model(engine_, "", 0, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_reload_model(engine_, "a\0b", 3, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_reload_model(engine_, nullptr, 3, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_reload_model_with_vectors(engine_, "", 0, "v", 1, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_reload_model_with_vectors(engine_, "m", 1, "", 0, nullptr),
            ATTUNE_INVALID_ARGUMENT);
}

TEST_F(WriteTest, ThrownInAReloadOnItsOwnThread) {
  Behaviour().other = [](std::string_view) -> absl::Status {
    throw std::runtime_error("torn");
  };
  EXPECT_EQ(attune_reload_model(engine_, "m", 1, error_.get()),
            ATTUNE_INTERNAL);
  EXPECT_EQ(error_.message(), "torn");
}

TEST_F(WriteTest, StatsComeInBothFormats) {
  BufferBox json, text;
  EXPECT_EQ(attune_stats(engine_, ATTUNE_STATS_JSON, json.get(), nullptr), 0);
  EXPECT_EQ(attune_stats(engine_, ATTUNE_STATS_PROMETHEUS, text.get(), nullptr),
            0);
  EXPECT_EQ(json.bytes(), "{\"requests\": 0}");
  EXPECT_EQ(text.bytes(), "attune_requests_total 0\n");
  BufferBox none;
  EXPECT_EQ(attune_stats(engine_, 2, none.get(), error_.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error_.message(), HasSubstr("format is 2"));
}

// Every function with every pointer NULL: an error, never a crash.
TEST_F(WriteTest, NullEverywhere) {
  attune_engine* engine = nullptr;
  EXPECT_EQ(attune_open(nullptr, 0, nullptr, &engine, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_EQ(attune_open(nullptr, 9, nullptr, &engine, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  const std::string json = R"({"database": "d"})";
  EXPECT_EQ(attune_open(json.data(), json.size(), nullptr, nullptr, nullptr),
            ATTUNE_INVALID_ARGUMENT);
  for (attune_engine* handle :
       {static_cast<attune_engine*>(nullptr), engine_}) {
    const int expected =
        handle == nullptr ? ATTUNE_INVALID_HANDLE : ATTUNE_INVALID_ARGUMENT;
    EXPECT_EQ(attune_rank(handle, nullptr, 0, nullptr, nullptr, nullptr),
              expected);
    EXPECT_EQ(attune_rank_batch(handle, nullptr, 0, nullptr, nullptr, nullptr),
              expected);
    EXPECT_EQ(attune_rank_ids(handle, nullptr, 1, nullptr, nullptr, 0, nullptr,
                              nullptr, nullptr),
              expected);
    EXPECT_EQ(attune_rank_ids(handle, nullptr, 0, nullptr, nullptr, 1, nullptr,
                              nullptr, nullptr),
              expected);
    EXPECT_EQ(attune_put_items(handle, nullptr, 1, 0, nullptr), expected);
    EXPECT_EQ(attune_put_users(handle, nullptr, 1, 0, nullptr), expected);
    EXPECT_EQ(attune_put_events(handle, nullptr, 1, 0, nullptr), expected);
    EXPECT_EQ(attune_delete_item(handle, nullptr, 1, nullptr), expected);
    EXPECT_EQ(attune_delete_user(handle, nullptr, 1, nullptr), expected);
    EXPECT_EQ(
        attune_delete_user_events(handle, nullptr, 1, nullptr, 0, nullptr),
        expected);
    EXPECT_EQ(
        attune_delete_user_events(handle, nullptr, 0, nullptr, 1, nullptr),
        expected);
    EXPECT_EQ(attune_prefetch_user(handle, nullptr, 1, nullptr, 0, nullptr),
              expected);
    EXPECT_EQ(attune_prefetch_user(handle, nullptr, 0, nullptr, 1, nullptr),
              expected);
    EXPECT_EQ(attune_reload_model(handle, nullptr, 1, nullptr), expected);
    EXPECT_EQ(attune_stats(handle, 0, nullptr, nullptr), expected);
  }
  EXPECT_EQ(attune_rollback_model(nullptr, nullptr), ATTUNE_INVALID_HANDLE);
  EXPECT_EQ(attune_refresh(nullptr, nullptr), ATTUNE_INVALID_HANDLE);
  EXPECT_EQ(attune_close(nullptr, nullptr), ATTUNE_INVALID_HANDLE);
}

}  // namespace
}  // namespace attune
