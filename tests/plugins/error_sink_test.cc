#include "plugins/c_abi/error_sink.h"

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

TEST(Utf8PrefixTest, CutsBetweenCharacters) {
  // 1, 2, 3 and 4 bytes: a é 書 😀
  const std::string text = "a\xC3\xA9\xE6\x9B\xB8\xF0\x9F\x98\x80";
  const size_t expected[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 10};
  for (size_t limit = 0; limit < std::size(expected); ++limit) {
    EXPECT_EQ(Utf8Prefix(text, limit), expected[limit]) << limit;
  }
}

TEST(Utf8PrefixTest, CutsAnywhereInWhatIsNoUtf8) {
  const std::string text(10, '\x80');
  EXPECT_EQ(Utf8Prefix(text, 5), 5u);
  EXPECT_EQ(Utf8Prefix(text, 2), 2u);
}

class ErrorBufferTest : public AbiTest {
 protected:
  /// Fails with this message into a buffer of `capacity` bytes, all 'x' before.
  std::string Message(const std::string& message, size_t capacity) {
    Behaviour().other = [&](std::string_view) {
      return absl::InternalError(message);
    };
    memory_.assign(64, 'x');
    error_ = {};
    error_.struct_size = sizeof(error_);
    error_.message = memory_.data();
    error_.message_capacity = capacity;
    EXPECT_EQ(attune_refresh(engine_, &error_), ATTUNE_INTERNAL);
    EXPECT_EQ(error_.code, ATTUNE_INTERNAL);
    EXPECT_EQ(error_.message_length, message.size());
    EXPECT_EQ(memory_.find_first_not_of('x', capacity), std::string::npos)
        << "written past the capacity";
    return capacity > 0 ? memory_.substr(0, memory_.find('\0')) : std::string();
  }

  std::string memory_;
  attune_error error_ = {};
};

TEST_F(ErrorBufferTest, AnyCapacityIsTerminatedAndNeverOverrun) {
  const std::string message = "no \xE6\x9B\xB8 here";  // "no 書 here"
  EXPECT_EQ(Message(message, 0), "");
  EXPECT_EQ(Message(message, 1), "");
  EXPECT_EQ(Message(message, 2), "n");
  EXPECT_EQ(Message(message, 5), "no ");
  EXPECT_EQ(Message(message, 6), "no ");
  EXPECT_EQ(Message(message, 7), "no \xE6\x9B\xB8");
  EXPECT_EQ(Message(message, message.size()),
            message.substr(0, message.size() - 1));
  EXPECT_EQ(Message(message, message.size() + 1), message);
  EXPECT_EQ(Message(message, 64), message);
}

TEST_F(ErrorBufferTest, NullBufferWithCapacityIsLeftAlone) {
  error_.struct_size = sizeof(error_);
  error_.message = nullptr;
  error_.message_capacity = 100;
  EXPECT_EQ(attune_refresh(nullptr, &error_), ATTUNE_INVALID_HANDLE);
  EXPECT_GT(error_.message_length, 0u);
}

TEST_F(ErrorBufferTest, SuccessClearsTheLastError) {
  ErrorBox error;
  EXPECT_NE(attune_refresh(nullptr, error.get()), 0);
  EXPECT_NE(error.message(), "");
  EXPECT_EQ(attune_refresh(engine_, error.get()), 0);
  EXPECT_EQ(error.error.code, 0);
  EXPECT_EQ(error.error.message_length, 0u);
  EXPECT_EQ(error.message(), "");
}

TEST_F(ErrorBufferTest, EveryStatusKeepsItsNumber) {
  for (int code = 1; code <= 16; ++code) {
    Behaviour().other = [&](std::string_view) {
      return absl::Status(static_cast<absl::StatusCode>(code), "m");
    };
    EXPECT_EQ(attune_refresh(engine_, nullptr), code);
  }
}

}  // namespace
}  // namespace attune
