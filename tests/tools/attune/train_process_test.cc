// From simulated logs to lists with the program alone, and a training that is
// killed on the way. The model is tiny: what is tested is the road, not how
// well it ranks.

#include <gmock/gmock.h>
#include <signal.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/io/line_source.h"
#include "engine/io/text_file.h"
#include "program_test_base.h"
#include "storage/database.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr const char* kNowMs = "1900000000000";

class TrainProcessTest : public ProgramTest {
 protected:
  void SetUp() override {
    Must({"simulate", "--out", Path("logs"), "--users", "150", "--items", "120",
          "--seed", "5"});
    Must({"ingest", "--db", db(), "--items", Path("logs/items.jsonl"),
          "--users", Path("logs/users.tsv"), "--events",
          Path("logs/events.tsv")});
    config_ = WriteFile("config.json",
                        R"({"model": {"width": 16, "heads": 2,
                                      "encoder_blocks": 1,
                                      "feed_forward": 32, "window": 16,
                                      "text_heads": 2},
                            "training": {"epochs": 40, "patience": 40,
                                         "decoder_epochs": 2}})");
  }

  std::string db() const { return Path("db"); }

  std::string Must(const std::vector<std::string>& arguments) const {
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 0) << arguments[0] << ": " << result.errors;
    return result.output;
  }

  std::vector<std::string> Train(const std::string& model,
                                 bool resume = false) const {
    std::vector<std::string> arguments = {
        "train", "--db",      db(), "--out",  model, "--config",
        config_, "--threads", "1",  "--seed", "3",   "--json"};
    if (resume) arguments.push_back("--resume");
    return arguments;
  }

  // Item and score of every line of a list.
  static std::vector<std::pair<std::string, double>> Scores(const Json& items) {
    std::vector<std::pair<std::string, double>> scores;
    for (const Json& item : items) {
      scores.emplace_back(item["item_id"], item["score"]);
    }
    return scores;
  }

  std::string config_;
};

TEST_F(TrainProcessTest, SaysAtOnceThatTheModelHasNoPlace) {
  std::filesystem::create_directory(Path("busy"));
  WriteFile("busy/notes.txt", "mine");
  ProgramResult result = Run(Train(Path("busy")));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("is no model directory"));
  EXPECT_THAT(result.errors, Not(HasSubstr("epoch")));
  result = Run(Train(Path("missing/model")));
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors, HasSubstr("there is no such directory"));
}

TEST_F(TrainProcessTest, AnEmptyListOfCandidatesIsNotTheCatalogue) {
  const std::string empty = WriteFile("empty.txt", "");
  const ProgramResult ranked =
      Run({"rank", "--db", db(), "--user", "u1", "--candidates", "@" + empty});
  EXPECT_EQ(ranked.exit_code, 1);
  EXPECT_THAT(ranked.errors, HasSubstr("holds no items"));
  const ProgramResult batch = Run({"batch", "--db", db(), "--out",
                                   Path("lists.jsonl"), "--candidates", empty});
  EXPECT_EQ(batch.exit_code, 1);
  EXPECT_THAT(batch.errors, HasSubstr("holds no items"));
}

TEST_F(TrainProcessTest, AKilledTrainingGoesOnToTheSameModel) {
  const std::string whole = Path("whole"), killed = Path("killed");
  const Json expected = Json::parse(Must(Train(whole)));

  ChildProcess process(Train(killed), directory());
  while (!process.Ended() &&
         process.Errors().find("epoch   3") == std::string::npos) {
  }
  process.Send(SIGKILL);
  ASSERT_EQ(process.Wait(), -SIGKILL) << process.Errors();
  EXPECT_FALSE(std::filesystem::exists(killed));

  const ProgramResult resumed = Run(Train(killed, /*resume=*/true));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;
  EXPECT_EQ(resumed.errors.find("match   epoch   1 "), std::string::npos)
      << "it began anew:\n"
      << resumed.errors;
  EXPECT_EQ(Json::parse(resumed.output)["version"], expected["version"]);
  EXPECT_FALSE(std::filesystem::exists(killed + ".checkpoint"));
}

TEST_F(TrainProcessTest, StoppedItSaysHowToGoOnAndDoes) {
  const Json expected = Json::parse(Must(Train(Path("whole"))));
  const std::string model = Path("my model");
  ChildProcess process(Train(model), directory());
  while (!process.Ended() &&
         process.Errors().find("epoch   2") == std::string::npos) {
  }
  process.Send(SIGINT);
  EXPECT_EQ(process.Wait(), 1) << process.Errors();
  EXPECT_THAT(process.Errors(),
              ::testing::ContainsRegex(
                  "attune train: training stopped behind epoch [0-9]+ of the "
                  "match stage; go on with: attune train --db .*/db --out "
                  "'.*/my model' --config .*/config.json --threads 1 --seed 3 "
                  "--json --resume\n$"));
  EXPECT_FALSE(std::filesystem::exists(model));
  const ProgramResult resumed = Run(Train(model, /*resume=*/true));
  ASSERT_EQ(resumed.exit_code, 0) << resumed.errors;
  EXPECT_EQ(Json::parse(resumed.output)["version"], expected["version"]);
}

TEST_F(TrainProcessTest, AWrongConfigurationIsRefusedBeforeAnythingIsRead) {
  const std::string config =
      WriteFile("bad.json", R"({"training": {"learning_rate": -1}})");
  const ProgramResult result =
      Run({"train", "--db", db(), "--out", Path("m"), "--config", config});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_EQ(result.errors,
            StrCat("attune train: ", config,
                   ": training.learning_rate is -1, must be a number in "
                   "1e-08..1\n"));
}

TEST_F(TrainProcessTest, AModelIsHeldToItsDataAndItsProtocol) {
  const std::string model = Path("model");
  Must(Train(model));
  ProgramResult result = Run(
      {"evaluate", "--db", db(), "--model", model, "--protocol", "time-split"});
  EXPECT_EQ(result.exit_code, 1);
  EXPECT_THAT(result.errors,
              HasSubstr("attune evaluate: the model was trained under "
                        "leave-one-out: under time-split it has seen the "
                        "targets"));
  EXPECT_THAT(Must({"evaluate", "--db", db(), "--model", model}),
              HasSubstr("leave-one-out: "));

  // Other items under other names.
  const std::string events =
      WriteFile("e.tsv", "user_id\titem_id\torder\nu\tx1\t1\nu\tx2\t2\n");
  Must({"ingest", "--db", Path("other"), "--events", events});
  for (const char* command : {"evaluate", "publish"}) {
    result = Run({command, "--db", Path("other"), "--model", model});
    EXPECT_EQ(result.exit_code, 1) << command;
    EXPECT_THAT(result.errors, HasSubstr("it belongs to other data"))
        << command;
  }
  result =
      Run({"rank", "--db", Path("other"), "--model", model, "--user", "u"});
  EXPECT_EQ(result.exit_code, 0) << result.errors;
  EXPECT_THAT(
      result.errors,
      ::testing::ContainsRegex("attune rank: warning: none of the items of "));
}

TEST_F(TrainProcessTest, RollbackGoesToAndFro) {
  const std::string model = Path("model"), second = Path("second");
  const std::string first_version = Json::parse(Must(Train(model)))["version"];
  Must({"publish", "--db", db(), "--model", model});
  const ProgramResult none = Run({"publish", "--db", db(), "--rollback"});
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_EQ(none.errors,
            "attune publish: there is no earlier model to go back to\n");

  std::vector<std::string> other = Train(second);
  other.insert(other.end(), {"--epochs", "2"});
  const std::string second_version = Json::parse(Must(other))["version"];
  const std::string part = WriteFile("cut.vectors", "ATTUNEVP");
  const ProgramResult cut = Run({"publish", "--db", db(), "--model", second,
                                 "--vectors", Path("cut.vectors")});
  EXPECT_EQ(cut.exit_code, 1);
  EXPECT_EQ(cut.errors,
            StrCat("attune publish: \"", part,
                   "\" is no part of vectors that a job has written\n"));
  EXPECT_EQ(Run({"publish", "--db", db(), "--vectors", part}).exit_code, 2);
  Must({"publish", "--db", db(), "--model", second});
  EXPECT_EQ(Must({"publish", "--db", db(), "--rollback"}),
            StrCat("model ", first_version,
                   " is the current one again, in "
                   "place of ",
                   second_version,
                   "; --rollback once more goes "
                   "back to ",
                   second_version, "\n"));
  EXPECT_THAT(Must({"publish", "--db", db(), "--rollback"}),
              ::testing::StartsWith(StrCat("model ", second_version, " is ")));
}

TEST_F(TrainProcessTest, PublishBesideAnOwnerNamesItAndTheWay) {
  const std::string model = Path("model");
  Must(Train(model));
  storage::OpenOptions open;
  open.path = db();
  const auto owner = storage::Database::Open(open);
  ASSERT_TRUE(owner.ok()) << owner.status();
  for (const std::vector<std::string>& what :
       {std::vector<std::string>{"--model", model}, {"--rollback"}}) {
    std::vector<std::string> arguments = {"publish", "--db", db()};
    arguments.insert(arguments.end(), what.begin(), what.end());
    const ProgramResult result = Run(arguments);
    EXPECT_EQ(result.exit_code, 1);
    EXPECT_THAT(result.errors, ::testing::StartsWith("attune publish: "));
    EXPECT_THAT(result.errors,
                HasSubstr(StrCat("open for writing by process ", ::getpid())));
    EXPECT_THAT(result.errors, HasSubstr("attune_reload_model"));
    EXPECT_EQ(std::count(result.errors.begin(), result.errors.end(), '\n'), 1)
        << result.errors;
  }
}

TEST_F(TrainProcessTest, FromLogsToListsTheSameByEveryWay) {
  const std::string model = Path("model");
  const Json trained = Json::parse(Must(Train(model)));
  EXPECT_GE(trained["evaluation"]["rows"].size(), 3u);
  Must({"publish", "--db", db(), "--model", model});
  const std::string version = trained["version"];
  EXPECT_EQ(Json::parse(Must({"show", "--db", db(), "--json"}))["model"],
            version);
  EXPECT_THAT(Must({"evaluate", "--db", db(), "--model", model}),
              HasSubstr("NDCG@10"));

  const std::vector<std::string> policy = {"--k", "5", "--exclude-seen",
                                           "--now-ms", kNowMs};
  std::vector<std::string> batch = {"batch", "--db", db(), "--out",
                                    Path("out.jsonl")};
  batch.insert(batch.end(), policy.begin(), policy.end());
  Must(batch);
  auto lines = LineSource::Open(Path("out.jsonl"));
  ASSERT_TRUE(lines.ok());
  std::string_view line;
  int users = 0;
  std::string a_reader;
  while ((*lines)->Next(&line).value()) {
    const Json row = Json::parse(line);
    a_reader = row["user_id"];
    ++users;
    if (users % 30 != 1) continue;
    for (const bool from_directory : {false, true}) {
      std::vector<std::string> rank = {"rank",   "--db",   db(),
                                       "--json", "--user", row["user_id"]};
      rank.insert(rank.end(), policy.begin(), policy.end());
      if (from_directory) rank.insert(rank.end(), {"--model", model});
      const Json response = Json::parse(Must(rank));
      EXPECT_EQ(response["model"], version);
      EXPECT_EQ(Scores(response["items"]), Scores(row["items"]));
    }
  }
  EXPECT_EQ(users, 150);

  // The same from one file.
  const std::string snapshot = Path("shop.snapshot");
  const Json packed = Json::parse(Must(
      {"snapshot", "--db", db(), "--out", snapshot, "--histories", "--json"}));
  EXPECT_EQ(packed["model"], version);
  EXPECT_EQ(packed["vectors"], packed["items"]);
  EXPECT_THAT(Must({"show", "--db", snapshot, "--check"}),
              ::testing::StartsWith("snapshot "));
  batch[2] = snapshot;
  batch[4] = Path("again.jsonl");
  Must(batch);
  EXPECT_EQ(ReadTextFile(Path("again.jsonl")).value(),
            ReadTextFile(Path("out.jsonl")).value());

  // A list of everything holds what the user has had; only then it is said.
  for (const bool excluded : {false, true}) {
    std::vector<std::string> rank = {"rank",   "--db", db(), "--user",
                                     a_reader, "--k",  "0"};
    if (excluded) rank.push_back("--exclude-seen");
    const ProgramResult result = Run(rank);
    EXPECT_EQ(result.exit_code, 0) << result.errors;
    EXPECT_EQ(result.errors.find("--exclude-seen leaves") != std::string::npos,
              !excluded)
        << result.errors;
  }

  const std::string table =
      Must({"rank", "--db", db(), "--user", "nobody", "--k", "3"});
  EXPECT_THAT(table, HasSubstr("3 of "));
  const Json latency =
      Json::parse(Must({"bench", "--db", db(), "--count", "20", "--repeat", "1",
                        "--candidates", "50", "--json"}));
  EXPECT_EQ(latency["warm"]["count"], 20);
  EXPECT_GT(latency["cold"]["p50_ms"], 0);
  EXPECT_GT(latency["warm"]["warm_share"], 0.5);
  EXPECT_EQ(latency["cold"]["warm_share"], 0);
  for (const char* kind : {"warm", "cold"}) {
    // The stages are all of a request but its entry and exit.
    const Json& answered = latency[kind];
    double stages_ms = 0;
    for (const auto& [name, stage] : answered["stages"].items()) {
      EXPECT_GE(stage["mean_ms"], 0) << name;
      stages_ms += stage["mean_ms"].get<double>();
    }
    EXPECT_EQ(answered["stages"].size(), 6);
    EXPECT_LE(stages_ms, answered["mean_ms"].get<double>() * 1.001) << kind;
    EXPECT_GT(stages_ms, answered["mean_ms"].get<double>() * 0.5) << kind;
    EXPECT_LE(answered["p99_ms"], answered["p999_ms"]) << kind;
    EXPECT_LE(answered["p999_ms"], answered["max_ms"]) << kind;
  }

  // Open loop: no answer holds up the arrivals, so at a rate that nobody could
  // answer a request waits for all before it, which its latency says.
  const ProgramResult flood =
      Run({"bench", "--db", db(), "--count", "40", "--repeat", "2",
           "--candidates", "50", "--rate", "1000000", "--arrivals", "fixed",
           "--cold-share", "0.5", "--threads", "2", "--json"});
  ASSERT_EQ(flood.exit_code, 0) << flood.errors;
  EXPECT_THAT(flood.errors, HasSubstr("give a lower --rate"));
  const Json open = Json::parse(flood.output);
  EXPECT_EQ(open["requests"], 80);
  EXPECT_EQ(open["latency"]["count"], 80);
  EXPECT_EQ(open["warm"]["count"].get<int>() + open["cold"]["count"].get<int>(),
            80);
  EXPECT_GT(open["cold"]["count"], 10);
  EXPECT_GT(open["warm"]["count"], 10);
  EXPECT_EQ(open["warm"]["warm_share"], 1);
  EXPECT_GT(open["latency"]["max_ms"].get<double>(),
            10 * open["service"]["p50_ms"].get<double>());
}

}  // namespace
}  // namespace attune
