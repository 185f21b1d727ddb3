// How every command takes its options and says what went wrong.

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string_view>
#include <vector>

#include "program_test_base.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class CommandLineTest : public ProgramTest {};

constexpr const char* kCommands[] = {"ingest",  "train", "evaluate",
                                     "publish", "rank",  "batch",
                                     "show",    "bench", "simulate"};

TEST_F(CommandLineTest, HelpIsEverywhereAndGoesToStdout) {
  ProgramResult result = Run({"--help"});
  EXPECT_EQ(result.exit_code, 0);
  for (const char* command : kCommands) {
    EXPECT_THAT(result.output, HasSubstr(command));
    const ProgramResult own = Run({command, "--help"});
    EXPECT_EQ(own.exit_code, 0) << command;
    EXPECT_THAT(own.output, HasSubstr("--help")) << command;
    EXPECT_EQ(own.errors, "") << command;
  }
  result = Run({"--version"});
  EXPECT_EQ(result.exit_code, 0);
  EXPECT_THAT(result.output, ::testing::MatchesRegex("[0-9]+\\.[0-9.]+\n"));
}

TEST_F(CommandLineTest, WrongUseIsExitCode2AndSilentOnStdout) {
  const std::vector<std::vector<std::string>> kTable = {
      {},
      {"frobnicate"},
      {"ingest"},
      {"ingest", "--db", Path("db")},
      {"ingest", "--db", Path("db"), "--evnets", "x"},
      {"ingest", "--db", Path("db"), "--events", "x", "--on-error", "pray"},
      {"ingest", "--db", Path("db"), "--events", "x", "--map", "a"},
      {"show"},
      {"show", "--db", Path("db"), "--user", "a", "--item", "b"},
      {"publish", "--db", Path("db")},
      {"rank", "--db", Path("db")},
      {"batch", "--db", Path("db")},
      {"train", "--db", Path("db"), "--out", "m", "--threads", "0"},
  };
  for (const auto& arguments : kTable) {
    const ProgramResult result = Run(arguments);
    std::string text;
    for (const std::string& argument : arguments) text += argument + " ";
    EXPECT_EQ(result.exit_code, 2) << text;
    EXPECT_EQ(result.output, "") << text;
    EXPECT_NE(result.errors, "") << text;
  }
  EXPECT_FALSE(std::filesystem::exists(Path("db")));
}

TEST_F(CommandLineTest, FailuresAreExitCode1AndNameThePlace) {
  ProgramResult result =
      Run({"ingest", "--db", Path("db"), "--events", Path("absent.tsv")});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors,
              StartsWith("attune ingest: " + Path("absent.tsv") + ": "));
  EXPECT_FALSE(std::filesystem::exists(Path("db")));

  const std::string events =
      WriteFile("e.jsonl",
                "{\"user_id\":1,\"item_id\":2}\n{\"user_id\":1,\"item_id\":2,"
                "\"timestamp\":\"noon\"}\n");
  result = Run({"ingest", "--db", Path("db"), "--events", events});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors,
              StartsWith("attune ingest: " + events +
                         ":2: field \"timestamp\": not a number of seconds or "
                         "a date (got \"noon\")"));
  EXPECT_THAT(result.output, HasSubstr("1 event added"));

  for (const char* command : {"show", "rank", "bench", "batch"}) {
    std::vector<std::string> arguments = {command, "--db", Path("none")};
    if (std::string_view(command) == "rank") {
      arguments.insert(arguments.end(), {"--user", "u"});
    }
    if (std::string_view(command) == "batch") {
      arguments.insert(arguments.end(), {"--out", Path("out.jsonl")});
    }
    result = Run(arguments);
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.errors,
                StartsWith(StrCat("attune ", std::string(command), ": ")));
    EXPECT_THAT(result.errors, HasSubstr(Path("none"))) << command;
  }
}

TEST_F(CommandLineTest, WithoutAModelOneSentenceSaysSo) {
  const std::string events =
      WriteFile("e.tsv", "user_id\titem_id\torder\nu\ti\t1\n");
  ASSERT_EQ(Run({"ingest", "--db", Path("db"), "--events", events}).exit_code,
            0);
  const ProgramResult result = Run({"rank", "--db", Path("db"), "--user", "u"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("publish"));
}

}  // namespace
}  // namespace attune
