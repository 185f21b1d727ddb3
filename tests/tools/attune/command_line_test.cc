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

constexpr const char* kCommands[] = {
    "ingest", "train", "evaluate", "publish",  "rank",
    "batch",  "show",  "bench",    "snapshot", "simulate"};

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
      {"train", "--db", Path("db")},
      {"train", "--db", Path("db"), "--out", "m", "--protocol", "none"},
      {"evaluate", "--db", Path("db")},
      {"evaluate", "--db", Path("db"), "--model", "m", "--threads", "-3"},
      {"evaluate", "--db", Path("db"), "--model", "m", "--k", "10,0"},
      {"rank", "--db", Path("db"), "--user", "u", "--k", "-1"},
      {"rank", "--db", Path("db"), "--user", "u", "--k", "ten"},
      {"rank", "--db", Path("db"), "--user", "u", "--diversity", "nan"},
      {"rank", "--db", Path("db"), "--user"},
      {"bench", "--db", Path("db"), "--seed", "-1"},
      {"bench", "--db", Path("db"), "--rate", "0"},
      {"bench", "--db", Path("db"), "--threads", "0"},
      {"bench", "--db", Path("db"), "--rate", "9", "--cold-share", "1.1"},
      {"bench", "--db", Path("db"), "--rate", "9", "--arrivals", "late"},
      {"batch", "--db", Path("db"), "--out", "o.jsonl", "--threads", "1e3"},
      {"snapshot", "--db", Path("db")},
      {"simulate", "--out", Path("db")},
      {"simulate", "--out", Path("db"), "--items", "9", "--users", "-1"},
      {"show", "--db", Path("db"), "--db", Path("db")},
      {"--db", Path("db")},
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

TEST_F(CommandLineTest, UsageErrorsAreOneSentenceAndSayWhatIsMeant) {
  const std::string db = Path("db");
  const std::pair<std::vector<std::string>, std::string> kTable[] = {
      {{"bogus"},
       "attune: there is no command \"bogus\"\nThe commands are ingest, train, "
       "tune, prune, evaluate, publish, rank, batch, show, bench, snapshot, "
       "simulate.\nSee "
       "attune --help\n"},
      {{"rnak", "--db", db},
       "attune: there is no command \"rnak\"; did you mean \"rank\"?\nThe "
       "commands are ingest, train, tune, prune, evaluate, publish, rank, "
       "batch, show, "
       "bench, snapshot, simulate.\nSee attune --help\n"},
      {{"rank", "--db", db, "--usr", "u"},
       "attune rank: there is no option --usr; did you mean \"--user\"?\nSee "
       "attune rank --help\n"},
      {{"rank", "--db", db, "--user", "u", "extra"},
       "attune rank: \"extra\" is no option; each value follows the option it "
       "is for\nSee attune rank --help\n"},
      {{"rank", "--db", db},
       "attune rank: --user is required\nSee attune rank --help\n"},
      {{"rank", "--db", db, "--user"},
       "attune rank: --user needs a value\nSee attune rank --help\n"},
      {{"show", "--db", db, "--db", db},
       "attune show: --db is given more than once\nSee attune show --help\n"},
      {{"show", "--db", db, "--user", "a", "--item", "b"},
       "attune show: --user and --item exclude each other\nSee attune show "
       "--help\n"},
      {{"simulate", "--out", "o", "--users", "-1"},
       "attune simulate: --users: \"-1\" is not a whole number in "
       "1..1000000000\nSee attune simulate --help\n"},
      {{"bench", "--db", db, "--count", "0x10"},
       "attune bench: --count: \"0x10\" is not a whole number in "
       "1..1000000\nSee attune bench --help\n"},
      {{"bench", "--db", db, "--arrivals", "fixed"},
       "attune bench: --arrivals requires --rate\nSee attune bench --help\n"},
      {{"train", "--db", db, "--out", "m", "--protocol", "time-splt"},
       "attune train: --protocol: \"time-splt\" is none of leave-one-out, "
       "time-split, last-basket, cold-items; did you mean "
       "\"time-split\"?\nSee attune train --help\n"},
  };
  for (const auto& [arguments, errors] : kTable) {
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 2) << errors;
    EXPECT_EQ(result.errors, errors);
    EXPECT_EQ(result.output, "");
  }
}

TEST_F(CommandLineTest, NumbersAreDecimal) {
  // CLI11 would read 010 as eight; the database's absence is the next error.
  const ProgramResult result =
      Run({"show", "--db", Path("none"), "--history", "010"});
  EXPECT_EQ(result.exit_code, 1) << result.errors;
}

TEST_F(CommandLineTest, EveryFieldOfARequestIsChecked) {
  const std::string events =
      WriteFile("e.tsv", "user_id\titem_id\torder\nu\ti\t1\n");
  ASSERT_EQ(Run({"ingest", "--db", Path("db"), "--events", events}).exit_code,
            0);
  const std::pair<const char*, const char*> kTable[] = {
      {R"({"user_id": true})",
       "field \"user_id\": not an id, which is a string or a whole number (got "
       "true)"},
      {R"({"user_id": 7.0})",
       "field \"user_id\": not an id, which is a string or a whole number (got "
       "7.0)"},
      {R"({"user_id": "u", "candidates": "i"})",
       "field \"candidates\": not a list of ids (got \"i\")"},
      {R"({"user_id": "u", "candidates": ["i", 1.5]})",
       "field \"candidates\": not an id, which is a string or a whole number "
       "(got 1.5)"},
      {R"({"user_id": "u", "candidates": []})",
       "field \"candidates\": holds no items; without the field, the catalogue "
       "is ranked"},
      {R"({"user_id": "u", "candidate": ["i"]})",
       "field \"candidate\": unknown; user_id and candidates are expected; did "
       "you mean \"candidates\"?"},
  };
  for (const auto& [row, message] : kTable) {
    const std::string requests =
        WriteFile("r.jsonl", StrCat("{\"user_id\": \"u\"}\n", row, "\n"));
    const ProgramResult result =
        Run({"bench", "--db", Path("db"), "--requests", requests});
    EXPECT_EQ(result.exit_code, 1) << row;
    EXPECT_EQ(result.errors,
              StrCat("attune bench: ", requests, ":2: ", message, "\n"));
  }
}

TEST_F(CommandLineTest, EventColumnsBecomeContext) {
  const std::string events =
      WriteFile("e.tsv",
                "user_id\titem_id\torder\tquery\ttab\tis_click\n"
                "u\ti\t1\tsea tales\t1\t1\nu\ti\t2\tfang\t2\t0\n");
  ProgramResult result = Run({"ingest", "--db", Path("db"), "--events", events,
                              "--context", "query,tab:categorical"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("requests may carry: \"query\" (text), "
                                       "\"tab\" (categorical)\n"));
  // A wrong one is named, with what there is, and nothing changes.
  result = Run({"ingest", "--db", Path("db"), "--context", "scene"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors,
            "attune ingest: context: there is no event column \"scene\"; event "
            "columns are: query, tab\n");
  result = Run({"ingest", "--db", Path("db"), "--context", "is_click"});
  EXPECT_THAT(result.errors, HasSubstr("says that \"click\" followed"));
  result = Run({"ingest", "--db", Path("db"), "--context", "tab:number"});
  EXPECT_EQ(result.exit_code, 2);
  EXPECT_THAT(result.errors, HasSubstr("unknown type \"number\""));
  // Without files it changes the schema.
  result = Run({"ingest", "--db", Path("db"), "--context", "tab:numeric"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(result.output, HasSubstr("\"tab\" (numeric)"));

  const std::pair<const char*, const char*> kBad[] = {
      {"query", "--context \"query\": expected NAME=VALUE"},
      {"scene=a",
       "--context \"scene\": is no context; the database declares: \"query\" "
       "(text), \"tab\" (numeric)"},
      {"tab=home", "--context \"tab\": not a number (got \"home\")"},
  };
  for (const auto& [value, message] : kBad) {
    result =
        Run({"rank", "--db", Path("db"), "--user", "u", "--context", value});
    EXPECT_EQ(result.exit_code, 1) << value;
    EXPECT_EQ(result.errors, StrCat("attune rank: ", message, "\n"));
  }
  const std::string requests = WriteFile(
      "r.jsonl", "{\"user_id\": \"u\", \"query\": \"sea\", \"tab\": \"x\"}\n");
  result = Run({"bench", "--db", Path("db"), "--requests", requests});
  EXPECT_EQ(result.errors, StrCat("attune bench: ", requests,
                                  ":1: field \"tab\": not a number (got "
                                  "\"x\")\n"));
}

TEST_F(CommandLineTest, AnIdIsAStringOrAWholeNumber) {
  for (const char* id : {"true", "7.0", "7e1"}) {
    const std::string items =
        WriteFile("i.jsonl", StrCat("{\"item_id\": ", id, "}\n"));
    const ProgramResult result =
        Run({"ingest", "--db", Path("db"), "--items", items});
    EXPECT_EQ(result.exit_code, 1) << id;
    EXPECT_EQ(result.errors,
              StrCat("attune ingest: ", items,
                     ":1: field \"item_id\": not an id, which is a string or a "
                     "whole number (got ",
                     id, ")\n"));
  }
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
