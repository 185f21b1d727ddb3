#include <cstddef>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

/// A struct as a newer header would have it.
template <typename T>
struct Newer {
  T known = {};
  uint64_t unknown = 0;
};

class StructSizeTest : public AbiTest {};

TEST_F(StructSizeTest, OlderOptionsLackTheirLastFields) {
  RankIdsOptions seen;
  Behaviour().rank_ids = [&](std::string_view, const RankIdsOptions& options) {
    seen = options;
    return absl::OkStatus();
  };
  attune_rank_ids_options options = {};
  options.flags = ATTUNE_RANK_WITHOUT_STATE;
  options.now_ms = 12;
  options.deadline_ms = -1;  // past the older struct's end: must not be read
  options.struct_size = offsetof(attune_rank_ids_options, deadline_ms);
  float score = 0;
  ErrorBox error;
  ASSERT_EQ(RankOneId(&options, &score, &error), 0) << error.message();
  EXPECT_EQ(seen.now_ms, 12);
  EXPECT_EQ(seen.deadline_ms, 0);
  EXPECT_TRUE(seen.without_state);

  options.struct_size = offsetof(attune_rank_ids_options, now_ms);
  ASSERT_EQ(RankOneId(&options, &score, &error), 0) << error.message();
  EXPECT_EQ(seen.now_ms, 0);
}

TEST_F(StructSizeTest, NewerOptionsPassWhileTheirTailIsZero) {
  Newer<attune_rank_ids_options> options;
  options.known.struct_size = sizeof(options);
  float score = 0;
  ErrorBox error;
  EXPECT_EQ(RankOneId(&options.known, &score, &error), 0) << error.message();
  options.unknown = uint64_t{1} << 63;
  EXPECT_EQ(RankOneId(&options.known, &score, &error), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error.message(), HasSubstr("does not know"));
}

TEST_F(StructSizeTest, NewerCallAndOpenOptions) {
  const std::string bytes = v1::RankRequest().SerializeAsString();
  Newer<attune_call_options> call;
  call.known.struct_size = sizeof(call);
  {
    BufferBox buffer;
    EXPECT_EQ(attune_rank(engine_, bytes.data(), bytes.size(), &call.known,
                          buffer.get(), nullptr),
              0);
  }
  call.unknown = 1;
  {
    BufferBox buffer;
    EXPECT_EQ(attune_rank(engine_, bytes.data(), bytes.size(), &call.known,
                          buffer.get(), nullptr),
              ATTUNE_INVALID_ARGUMENT);
    EXPECT_EQ(attune_rank_batch(engine_, bytes.data(), bytes.size(),
                                &call.known, buffer.get(), nullptr),
              ATTUNE_INVALID_ARGUMENT);
  }
  Newer<attune_open_options> open;
  open.known.struct_size = sizeof(open);
  const std::string json = R"({"database": "d"})";
  attune_engine* engine = nullptr;
  EXPECT_EQ(
      attune_open(json.data(), json.size(), &open.known, &engine, nullptr), 0);
  EXPECT_EQ(attune_close(engine, nullptr), 0);
  open.unknown = 1;
  EXPECT_EQ(
      attune_open(json.data(), json.size(), &open.known, &engine, nullptr),
      ATTUNE_INVALID_ARGUMENT);
}

TEST_F(StructSizeTest, AbsurdSizesAreRefusedUnread) {
  attune_rank_ids_options options = {};
  float score = 0;
  for (const uint32_t size : {0u, 4u, 7u, 12u, 13u, 5000u, 0xFFFFFFFFu}) {
    options.struct_size = size;
    ErrorBox error;
    EXPECT_EQ(RankOneId(&options, &score, &error), ATTUNE_INVALID_ARGUMENT)
        << size;
    EXPECT_THAT(error.message(), HasSubstr("struct_size"));
  }
}

TEST_F(StructSizeTest, ErrorStruct) {
  char text[64] = "before";
  Newer<attune_error> error;
  error.known.message = text;
  error.known.message_capacity = sizeof(text);

  // Without message_length: an older caller.
  error.known.struct_size = offsetof(attune_error, message_length);
  error.known.message_length = 77;
  EXPECT_EQ(attune_refresh(nullptr, &error.known), ATTUNE_INVALID_HANDLE);
  EXPECT_EQ(error.known.code, ATTUNE_INVALID_HANDLE);
  EXPECT_STRNE(text, "before");
  EXPECT_EQ(error.known.message_length, 77u) << "past the older struct's end";

  // A newer caller.
  error.known.struct_size = sizeof(error);
  EXPECT_EQ(attune_refresh(engine_, &error.known), 0);
  error.unknown = 1;
  EXPECT_EQ(attune_refresh(engine_, &error.known), ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(text, HasSubstr("attune_error"));

  // Nothing can be believed: nothing is written.
  for (const uint32_t size : {0u, 8u, 16u, 5000u}) {
    error = {};
    std::strcpy(text, "before");
    error.known.struct_size = size;
    error.known.message = text;
    error.known.message_capacity = sizeof(text);
    EXPECT_EQ(attune_refresh(engine_, &error.known), ATTUNE_INVALID_ARGUMENT);
    EXPECT_STREQ(text, "before");
    EXPECT_EQ(error.known.code, 0);
  }
}

TEST_F(StructSizeTest, BufferStruct) {
  Newer<attune_buffer> buffer;
  buffer.known.struct_size = sizeof(buffer);
  ASSERT_EQ(attune_stats(engine_, 0, &buffer.known, nullptr), 0);
  EXPECT_GT(buffer.known.size, 0u);

  ErrorBox error;
  EXPECT_EQ(attune_stats(engine_, 0, &buffer.known, error.get()),
            ATTUNE_INVALID_ARGUMENT);
  EXPECT_THAT(error.message(), HasSubstr("not empty"));

  attune_buffer_free(&buffer.known);
  EXPECT_EQ(buffer.known.data, nullptr);
  EXPECT_EQ(buffer.known.size, 0u);
  attune_buffer_free(&buffer.known);
  attune_buffer_free(nullptr);

  for (const uint32_t size : {0u, 8u, 16u, 23u, 5000u}) {
    buffer.known.struct_size = size;
    EXPECT_EQ(attune_stats(engine_, 0, &buffer.known, error.get()),
              ATTUNE_INVALID_ARGUMENT);
    EXPECT_EQ(buffer.known.data, nullptr);
  }
  buffer.known.struct_size = sizeof(buffer);
  buffer.unknown = 5;
  EXPECT_EQ(attune_stats(engine_, 0, &buffer.known, error.get()),
            ATTUNE_INVALID_ARGUMENT);
}

}  // namespace
}  // namespace attune
