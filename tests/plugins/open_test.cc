#include <atomic>
#include <stdexcept>
#include <vector>

#include "gmock/gmock.h"
#include "tests/plugins/abi_test_base.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class OpenTest : public ::testing::Test {
 protected:
  void SetUp() override { Behaviour() = {}; }
  void TearDown() override { Behaviour() = {}; }

  /// The code of opening with this JSON; closes again.
  int OpenCode(std::string_view json) {
    attune_engine* engine = reinterpret_cast<attune_engine*>(1);
    const int code =
        attune_open(json.data(), json.size(), nullptr, &engine, error_.get());
    if (code == 0) {
      EXPECT_EQ(attune_close(engine, nullptr), 0);
    } else {
      EXPECT_EQ(engine, nullptr);
    }
    return code;
  }
  std::string Refused(std::string_view json) {
    EXPECT_EQ(OpenCode(json), ATTUNE_INVALID_ARGUMENT) << json;
    return error_.message();
  }

  ErrorBox error_;
};

TEST_F(OpenTest, VersionsAreThoseOfTheBuild) {
  EXPECT_STREQ(attune_version(), ATTUNE_TEST_VERSION);
  EXPECT_EQ(attune_abi_version(), static_cast<uint32_t>(ATTUNE_ABI_VERSION));
  EXPECT_EQ(attune_abi_version() >> 16, ATTUNE_TEST_VERSION_MAJOR);
}

TEST_F(OpenTest, EveryOptionReachesTheEngine) {
  ASSERT_EQ(OpenCode(R"({"database": "d b", "mode": "follower", "model": "m",
                   "threads": 3, "memory_limit_mb": 70, "precision": "bf16",
                   "backend": "reference", "create": true,
                   "publish_items_per_second": 0,
                   "fill_item_cache": false, "refresh_ms": 50})"),
            0)
      << error_.message();
  const EngineOptions options = LastOptions();
  EXPECT_EQ(options.database_path, "d b");
  EXPECT_EQ(options.mode, EngineOptions::Mode::kFollower);
  EXPECT_EQ(options.model_directory, "m");
  EXPECT_EQ(options.threads, 3);
  EXPECT_EQ(options.memory_limit_bytes, size_t{70} << 20);
  EXPECT_EQ(options.precision, "bf16");
  EXPECT_EQ(options.backend, "reference");
  EXPECT_TRUE(options.create_if_missing);
  EXPECT_EQ(options.publish_items_per_second, 0);
  EXPECT_FALSE(options.fill_items);
  EXPECT_EQ(options.refresh_ms, 50);
}

TEST_F(OpenTest, DefaultsAreTheEngines) {
  ASSERT_EQ(OpenCode(R"({"database": "d"})"), 0);
  const EngineOptions options = LastOptions();
  const EngineOptions defaults;
  EXPECT_EQ(options.mode, EngineOptions::Mode::kOwner);
  EXPECT_EQ(options.threads, defaults.threads);
  EXPECT_EQ(options.memory_limit_bytes, defaults.memory_limit_bytes);
  EXPECT_FALSE(options.create_if_missing);
  EXPECT_EQ(options.refresh_ms, EngineOptions::kRefreshMs);
  EXPECT_EQ(options.publish_items_per_second,
            EngineOptions::kPublishItemsPerSecond);
  EXPECT_TRUE(options.fill_items);  // a service, unlike a program's command
}

TEST_F(OpenTest, BadOptionsAreNamed) {
  EXPECT_THAT(Refused(R"({"database": "d", "treads": 2})"),
              HasSubstr("unknown key \"treads\""));
  EXPECT_THAT(Refused(R"({"database": "d", "create": true, "create": true})"),
              HasSubstr("\"create\" is given twice"));
  EXPECT_THAT(Refused(R"({"mode": "owner"})"), HasSubstr("\"database\""));
  EXPECT_THAT(Refused(R"({"database": ""})"), HasSubstr("\"database\""));
  EXPECT_THAT(Refused(R"({"database": 3})"), HasSubstr("a string, not 3"));
  EXPECT_THAT(Refused(R"({"database": "a\u0000b"})"), HasSubstr("NUL"));
  EXPECT_THAT(Refused(R"({"database": "d", "mode": "boss"})"),
              HasSubstr("not \"boss\""));
  EXPECT_EQ(Refused(R"({"database": "d", "threads": 1e999})"),
            "options: \"threads\": a number that is out of range");
  EXPECT_EQ(
      Refused(R"({"database": "d", "threads": two})"),
      "options: no valid JSON at line 1, column 31, behind key \"threads\"");
  EXPECT_EQ(
      Refused(R"({"database": "d", "backend": "cuda"})"),
      "options: \"backend\" must be \"onednn\" or \"reference\" (there is "
      "no CUDA here), not \"cuda\"");
  EXPECT_THAT(Refused(R"({"database": "d", "backend": "quantum"})"),
              HasSubstr("\"backend\" must be"));
  EXPECT_THAT(Refused(R"({"database": "d", "a\u0000\nb": 1})"),
              HasSubstr("unknown key \"a\\u0000\\nb\";"));
  EXPECT_THAT(Refused(R"({"database": "d", "threads": 0})"),
              HasSubstr("1 to 1024"));
  EXPECT_THAT(Refused(R"({"database": "d", "threads": 2.5})"),
              HasSubstr("not 2.5"));
  EXPECT_THAT(Refused(R"({"database": "d", "threads": 18446744073709551615})"),
              HasSubstr("\"threads\""));
  EXPECT_THAT(Refused(R"({"database": "d", "threads": 9223372036854775808})"),
              HasSubstr("\"threads\""));
  EXPECT_THAT(Refused(R"({"database": "d", "memory_limit_mb": -1})"),
              HasSubstr("\"memory_limit_mb\""));
  EXPECT_THAT(Refused(R"({"database": "d", "refresh_ms": -1})"),
              HasSubstr("\"refresh_ms\" must be an integer from 0 to 3600000"));
  EXPECT_THAT(Refused(R"({"database": "d", "publish_items_per_second": -1})"),
              HasSubstr("\"publish_items_per_second\""));
  EXPECT_THAT(Refused(R"({"database": "d", "precision": "f64"})"),
              HasSubstr("\"precision\""));
  EXPECT_THAT(Refused(R"({"database": "d", "create": 1})"),
              HasSubstr("true or false"));
}

TEST_F(OpenTest, BrokenJsonSaysWhere) {
  EXPECT_THAT(Refused(""), HasSubstr("no valid JSON"));
  EXPECT_THAT(Refused("{\"database\": \"d\","), HasSubstr("line 1, column 18"));
  EXPECT_THAT(Refused("{\"database\": \"d\"} x"), HasSubstr("no valid JSON"));
  EXPECT_THAT(Refused("[\"database\"]"), HasSubstr("not array"));
  EXPECT_THAT(Refused("{\"database\": \"\xff\"}"), HasSubstr("no valid JSON"));
  EXPECT_THAT(Refused(std::string(2 << 20, ' ')), HasSubstr("at most"));
}

TEST_F(OpenTest, DeepNestingIsAnErrorNotAnOverflow) {
  const std::string deep(400000, '[');
  EXPECT_THAT(Refused("{\"database\": " + deep), HasSubstr("no valid JSON"));
  EXPECT_THAT(
      Refused("{\"database\": " + deep + std::string(400000, ']') + "}"),
      HasSubstr("not array"));
}

TEST_F(OpenTest, TheEnginesErrorIsPassedOn) {
  Behaviour().open = [](const EngineOptions&) {
    return absl::FailedPreconditionError("database is owned by process 7");
  };
  EXPECT_EQ(OpenCode(R"({"database": "d"})"), ATTUNE_FAILED_PRECONDITION);
  EXPECT_EQ(error_.message(), "database is owned by process 7");
  EXPECT_EQ(error_.error.code, ATTUNE_FAILED_PRECONDITION);
}

TEST_F(OpenTest, NothingThrownComesOut) {
  Behaviour().open = [](const EngineOptions&) -> absl::Status {
    throw std::bad_alloc();
  };
  EXPECT_EQ(OpenCode(R"({"database": "d"})"), ATTUNE_RESOURCE_EXHAUSTED);
  Behaviour().open = [](const EngineOptions&) -> absl::Status {
    throw std::runtime_error("broken");
  };
  EXPECT_EQ(OpenCode(R"({"database": "d"})"), ATTUNE_INTERNAL);
  EXPECT_EQ(error_.message(), "broken");
  Behaviour().open = [](const EngineOptions&) -> absl::Status { throw 7; };
  EXPECT_EQ(OpenCode(R"({"database": "d"})"), ATTUNE_INTERNAL);
}

struct Lines {
  std::vector<std::string> lines;
  static void Add(void* user, int32_t level, const char* message,
                  size_t length) {
    static_cast<Lines*>(user)->lines.push_back(std::to_string(level) + " " +
                                               std::string(message, length));
  }
};

TEST_F(OpenTest, LogHasItsLevelAndEndsWithClose) {
  const std::string json = R"({"database": "d"})";
  for (const int level :
       {ATTUNE_LOG_DEFAULT, ATTUNE_LOG_DEBUG, ATTUNE_LOG_WARNING}) {
    Lines lines;
    attune_open_options options = {};
    options.struct_size = sizeof(options);
    options.log_level = level;
    options.log = &Lines::Add;
    options.log_user = &lines;
    attune_engine* engine = nullptr;
    ASSERT_EQ(attune_open(json.data(), json.size(), &options, &engine, nullptr),
              0);
    ASSERT_EQ(attune_close(engine, nullptr), 0);
    if (level == ATTUNE_LOG_DEBUG) {
      EXPECT_THAT(lines.lines,
                  ElementsAre("1 opening", "2 opened", "2 closed"));
    } else if (level == ATTUNE_LOG_DEFAULT) {
      EXPECT_THAT(lines.lines, ElementsAre("2 opened", "2 closed"));
    } else {
      EXPECT_THAT(lines.lines, ElementsAre());
    }
  }
}

TEST_F(OpenTest, UnknownLogLevelIsRefused) {
  const std::string json = R"({"database": "d"})";
  for (const int level : {-1, 5}) {
    attune_open_options options = {};
    options.struct_size = sizeof(options);
    options.log_level = level;
    attune_engine* engine = nullptr;
    EXPECT_EQ(
        attune_open(json.data(), json.size(), &options, &engine, error_.get()),
        ATTUNE_INVALID_ARGUMENT);
    EXPECT_THAT(error_.message(), HasSubstr("log_level"));
  }
}

// A C++ host's callback that throws, and one that calls back into the library.
TEST_F(OpenTest, LogCallbackMayNeitherThrowNorReenter) {
  struct Host {
    int code = 0;
    static void Call(void* user, int32_t, const char*, size_t) {
      static_cast<Host*>(user)->code = attune_shutdown(nullptr);
      throw 7;
    }
  } host;
  attune_open_options options = {};
  options.struct_size = sizeof(options);
  options.log = &Host::Call;
  options.log_user = &host;
  const std::string json = R"({"database": "d"})";
  attune_engine* engine = nullptr;
  ASSERT_EQ(attune_open(json.data(), json.size(), &options, &engine, nullptr),
            0);
  EXPECT_EQ(host.code, ATTUNE_FAILED_PRECONDITION);
  EXPECT_EQ(attune_close(engine, nullptr), 0);
}

}  // namespace
}  // namespace attune
