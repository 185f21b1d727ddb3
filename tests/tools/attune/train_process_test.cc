// From simulated logs to lists with the program alone, and a training that is
// killed on the way. The model is tiny: what is tested is the road, not how
// well it ranks.

#include <gmock/gmock.h>
#include <signal.h>

#include <nlohmann/json.hpp>

#include "engine/io/line_source.h"
#include "program_test_base.h"

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
}

}  // namespace
}  // namespace attune
