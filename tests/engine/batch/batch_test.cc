#include "engine/batch/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "engine/batch/batch_journal.h"
#include "engine/batch/batch_output.h"
#include "engine/io/line_source.h"
#include "tests/engine/batch/fake_engine.h"
#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

constexpr int kUsers = 500;

std::vector<std::string> Users(int count = kUsers) {
  std::vector<std::string> users;
  for (int i = 0; i < count; ++i) users.push_back(StrCat("user-", i * 37));
  return users;
}

class BatchTest : public ::testing::Test {
 protected:
  BatchTest() {
    options_.output_path = dir_.File("out.jsonl");
    options_.k = 3;
    options_.chunk_users = 16;
    options_.now_ms = 1700000000000;
  }

  absl::StatusOr<BatchSummary> Run(std::vector<std::string> users = Users()) {
    const std::unique_ptr<IdSource> ids = IdsOf(std::move(users));
    return RunBatch(engine_, *ids, options_);
  }

  // Runs the job in a child process that kills itself in the middle.
  void RunAndKill(int64_t at_call) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      engine_.before = [this, at_call](const v1::RankRequest&) {
        if (engine_.calls.load() >= at_call) kill(getpid(), SIGKILL);
        return absl::OkStatus();
      };
      options_.commit_interval_ms = 0;  // every chunk is safe
      Run().IgnoreError();
      _exit(7);
    }
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the child was to be killed";
    ASSERT_EQ(WTERMSIG(status), SIGKILL);
  }

  static std::vector<std::string> Lines(const std::string& path) {
    std::vector<std::string> lines;
    absl::StatusOr<std::unique_ptr<LineSource>> source = LineSource::Open(path);
    EXPECT_TRUE(source.ok()) << source.status();
    if (!source.ok()) return lines;
    std::string_view line;
    while (true) {
      const absl::StatusOr<bool> more = (*source)->Next(&line);
      EXPECT_TRUE(more.ok()) << more.status();
      if (!more.ok() || !*more) return lines;
      lines.emplace_back(line);
    }
  }

  bool NothingIsLeftBeside(const std::string& path) {
    return !std::filesystem::exists(BatchOutput::PartPath(path)) &&
           !std::filesystem::exists(BatchOutput::JournalPath(path));
  }

  TemporaryDirectory dir_;
  FakeEngine engine_;
  BatchOptions options_;
};

TEST_F(BatchTest, WritesALinePerUserInInputOrder) {
  for (const char* name :
       {"out.jsonl", "out.jsonl.gz", "out.tsv", "out.tsv.gz"}) {
    options_.output_path = dir_.File(name);
    options_.threads = 4;
    const absl::StatusOr<BatchSummary> summary = Run();
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->users, kUsers);
    EXPECT_EQ(summary->items, 3 * kUsers);
    EXPECT_EQ(summary->users_without_history, kUsers / 10);
    EXPECT_EQ(summary->model, "v1");
    EXPECT_EQ(summary->latency.count, kUsers);
    EXPECT_EQ(
        summary->bytes,
        static_cast<int64_t>(std::filesystem::file_size(options_.output_path)));
    const std::vector<std::string> lines = Lines(options_.output_path);
    ASSERT_EQ(lines.size(), static_cast<size_t>(kUsers));
    for (int i = 0; i < kUsers; ++i) {
      const std::string user = StrCat("user-", i * 37);
      if (std::string_view(name).starts_with("out.tsv")) {
        ASSERT_TRUE(lines[i].starts_with(user + "\titem-")) << lines[i];
        continue;
      }
      const Json json = Json::parse(lines[i]);
      ASSERT_EQ(json["user_id"], user);
      ASSERT_EQ(json["items"].size(), 3u);
      for (size_t r = 0; r < 3; ++r) {
        const Json& item = json["items"][r];
        ASSERT_EQ(item["rank"], r + 1);
        ASSERT_EQ(item["score"].get<double>(),
                  FakeEngine::ScoreOf(user, item["item_id"].get<std::string>()))
            << "the same double";
      }
    }
    EXPECT_TRUE(NothingIsLeftBeside(options_.output_path));
  }
}

TEST_F(BatchTest, TheBytesDoNotDependOnTheThreads) {
  ASSERT_TRUE(Run().ok());
  const std::string one = TemporaryDirectory::Read(options_.output_path);
  options_.threads = 7;
  // Users take turns in being slow.
  engine_.before = [](const v1::RankRequest& request) {
    for (size_t i = 0; i < request.user_id().size() % 5 * 50; ++i) {
      std::this_thread::yield();
    }
    return absl::OkStatus();
  };
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(TemporaryDirectory::Read(options_.output_path), one);
}

TEST_F(BatchTest, AsksForWhatTheOptionsSay) {
  options_.candidate_ids = {"x", "y", "z", "x2"};
  options_.explain = true;
  options_.k = 0;
  options_.policy.set_exclude_seen(true);
  engine_.before = [](const v1::RankRequest& request) {
    EXPECT_EQ(request.candidate_ids_size(), 4);
    EXPECT_EQ(request.k(), 0u);
    EXPECT_TRUE(request.explain());
    EXPECT_TRUE(request.policy().exclude_seen());
    EXPECT_TRUE(request.without_state());
    EXPECT_EQ(request.now_ms(), 1700000000000);
    return absl::OkStatus();
  };
  ASSERT_TRUE(Run({"u"}).ok());
  const Json json = Json::parse(Lines(options_.output_path).at(0));
  EXPECT_EQ(json["items"].size(), 4u);
  EXPECT_EQ(json["items"][0]["reasons"][0]["item_id"], "read-before");
}

TEST_F(BatchTest, OneTimeAndOneModelForAll) {
  options_.now_ms = 0;
  int64_t now_ms = 0;
  std::vector<std::string> models;
  engine_.before = [&](const v1::RankRequest& request) {
    if (now_ms == 0) now_ms = request.now_ms();
    EXPECT_EQ(request.now_ms(), now_ms);
    models.push_back(request.model());
    engine_.current_model = "v2";  // published while the batch runs
    return absl::OkStatus();
  };
  engine_.current_model = "v1";
  const absl::StatusOr<BatchSummary> summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_GT(now_ms, 1700000000000);
  EXPECT_EQ(summary->now_ms, now_ms);
  EXPECT_EQ(models.front(), "");
  EXPECT_EQ(models.back(), summary->model);
  for (size_t i = 2; i < models.size(); ++i) EXPECT_EQ(models[i], models[1]);
}

TEST_F(BatchTest, WorksForNoUserAtAll) {
  for (const char* name : {"none.jsonl", "none.tsv.gz"}) {
    options_.output_path = dir_.File(name);
    const absl::StatusOr<BatchSummary> summary = Run({});
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->users, 0);
    EXPECT_TRUE(Lines(options_.output_path).empty());
  }
  EXPECT_EQ(engine_.calls, 0);
}

TEST_F(BatchTest, ReportsItsProgress) {
  std::vector<int64_t> reports;
  const std::unique_ptr<IdSource> ids = IdsOf(Users(40));
  ASSERT_TRUE(RunBatch(engine_, *ids, options_, [&](const BatchProgress& p) {
                reports.push_back(p.users);
                EXPECT_EQ(p.users_total, 40);
                EXPECT_EQ(p.users_resumed, 0);
              }).ok());
  EXPECT_EQ(reports, (std::vector<int64_t>{0, 16, 32, 40}));
}

TEST_F(BatchTest, ResumesAfterKill9WithTheSameBytes) {
  for (const char* name : {"killed.jsonl", "killed.jsonl.gz", "killed.tsv"}) {
    options_.output_path = dir_.File(name);
    options_.threads = 2;
    options_.resume = true;
    engine_.calls = 0;
    // Three deaths at different places, with different threads.
    RunAndKill(100);
    EXPECT_FALSE(std::filesystem::exists(options_.output_path))
        << "an unfinished list has no name";
    options_.threads = 3;
    RunAndKill(101);
    RunAndKill(150);
    const absl::StatusOr<BatchSummary> summary = Run();
    ASSERT_TRUE(summary.ok()) << summary.status();
    EXPECT_EQ(summary->users, kUsers);
    EXPECT_GE(summary->users_resumed, 200) << "earlier work was used";
    EXPECT_LT(engine_.calls, kUsers - 150);
    EXPECT_EQ(summary->items, 3 * kUsers);
    EXPECT_TRUE(NothingIsLeftBeside(options_.output_path));
    const std::string resumed = TemporaryDirectory::Read(options_.output_path);

    options_.output_path = dir_.File(StrCat("whole_", name));
    options_.threads = 1;
    options_.resume = false;
    ASSERT_TRUE(Run().ok());
    EXPECT_EQ(TemporaryDirectory::Read(options_.output_path), resumed);
  }
}

TEST_F(BatchTest, AResumedJobKeepsTimeModelAndChunks) {
  options_.now_ms = 0;
  options_.output_path = dir_.File("out.jsonl.gz");
  RunAndKill(200);
  const absl::StatusOr<BatchJournal> journal =
      ReadBatchJournal(BatchOutput::JournalPath(options_.output_path));
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ(journal->model, "v1");
  EXPECT_GT(journal->users, 0);

  options_.resume = true;
  options_.chunk_users = 99;  // ignored
  engine_.current_model = "v2";
  engine_.before = [&](const v1::RankRequest& request) {
    EXPECT_EQ(request.now_ms(), journal->now_ms);
    EXPECT_EQ(request.model(), "v1");
    return absl::OkStatus();
  };
  ASSERT_TRUE(Run().ok());
  const std::string resumed = TemporaryDirectory::Read(options_.output_path);
  options_.now_ms = journal->now_ms;
  options_.model = "v1";
  options_.chunk_users = 16;
  options_.output_path = dir_.File("whole.jsonl.gz");
  ASSERT_TRUE(Run().ok());
  EXPECT_EQ(TemporaryDirectory::Read(options_.output_path), resumed);
}

TEST_F(BatchTest, ContinuesBehindATornLine) {
  RunAndKill(200);
  const std::string part = BatchOutput::PartPath(options_.output_path);
  dir_.Write("out.jsonl.part",
             TemporaryDirectory::Read(part) + "{\"user_id\":\"us");
  options_.resume = true;
  ASSERT_TRUE(Run().ok());
  const std::vector<std::string> lines = Lines(options_.output_path);
  ASSERT_EQ(lines.size(), static_cast<size_t>(kUsers));
  for (const std::string& line : lines) EXPECT_TRUE(Json::accept(line));
}

TEST_F(BatchTest, RefusesToResumeAnotherJob) {
  RunAndKill(200);
  options_.resume = true;
  const auto error = [&](std::vector<std::string> users = Users()) {
    const absl::StatusOr<BatchSummary> summary = Run(std::move(users));
    EXPECT_EQ(summary.status().code(), absl::StatusCode::kFailedPrecondition);
    return std::string(ToStd(summary.status().message()));
  };
  options_.k = 4;
  EXPECT_THAT(error(), HasSubstr("begun with k = 3, now it is 4"));
  options_.k = 3;
  options_.explain = true;
  EXPECT_THAT(error(), HasSubstr("begun with explain = false"));
  options_.explain = false;
  options_.candidate_ids = {"a"};
  EXPECT_THAT(error(), HasSubstr("begun with no candidates"));
  options_.candidate_ids.clear();
  options_.policy.add_exclude_ids("a");
  EXPECT_THAT(error(), HasSubstr("begun with no rules"));
  options_.policy.Clear();
  options_.model = "v9";
  EXPECT_THAT(error(), HasSubstr("begun with model \"v1\", now it is \"v9\""));
  options_.model.clear();
  options_.now_ms = 5;
  EXPECT_THAT(error(), HasSubstr("now_ms = 1700000000000, now it is 5"));
  options_.now_ms = 1700000000000;
  std::vector<std::string> users = Users();
  users[1] = "somebody else";
  EXPECT_THAT(error(users), HasSubstr("users are not those"));
  EXPECT_THAT(error(Users(20)), HasSubstr("there are only 20 now"));
  // None of the refusals has damaged the work.
  users = Users();
  users.push_back("new at the end");
  const absl::StatusOr<BatchSummary> summary = Run(users);
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_GT(summary->users_resumed, 100);
  EXPECT_EQ(summary->users, kUsers + 1);
}

TEST_F(BatchTest, NamesWhatIsWrongWithAJournal) {
  RunAndKill(200);
  options_.resume = true;
  const std::string journal = BatchOutput::JournalPath(options_.output_path);
  const std::string good = TemporaryDirectory::Read(journal);
  const auto error_with = [&](const std::string& text) {
    dir_.Write("out.jsonl.part.journal", text);
    const absl::StatusOr<BatchSummary> summary = Run();
    EXPECT_FALSE(summary.ok());
    return std::string(ToStd(summary.status().message()));
  };
  EXPECT_THAT(error_with("{"), HasSubstr("broken JSON"));
  EXPECT_THAT(error_with("{}"), HasSubstr("not the journal of a batch"));
  Json json = Json::parse(good);
  json["attune_batch_journal"] = 2;
  EXPECT_THAT(error_with(json.dump()),
              HasSubstr("format 2, this program knows"));
  json = Json::parse(good);
  json["bytes"] = -1;
  EXPECT_THAT(error_with(json.dump()), HasSubstr("field \"bytes\""));
  json = Json::parse(good);
  json["bytes"] = 1 << 30;
  EXPECT_THAT(error_with(json.dump()),
              HasSubstr("its journal says 1073741824"));
  dir_.Write("out.jsonl.part.journal", good);
  EXPECT_TRUE(Run().ok());
}

TEST_F(BatchTest, FinishesAJobThatDiedWhileFinishing) {
  ASSERT_TRUE(Run().ok());
  const std::string content = TemporaryDirectory::Read(options_.output_path);
  BatchJournal journal;
  journal.format = "jsonl";
  journal.k = 3;
  journal.now_ms = 1700000000000;
  journal.users = kUsers;
  journal.bytes = static_cast<int64_t>(content.size());
  journal.complete = true;
  const std::string journal_path =
      BatchOutput::JournalPath(options_.output_path);
  options_.resume = true;
  engine_.calls = 0;
  // Died behind the renaming.
  ASSERT_TRUE(WriteBatchJournal(journal_path, journal).ok());
  ASSERT_TRUE(Run().ok());
  EXPECT_TRUE(NothingIsLeftBeside(options_.output_path));
  // Died before it.
  ASSERT_TRUE(WriteBatchJournal(journal_path, journal).ok());
  std::filesystem::rename(options_.output_path,
                          BatchOutput::PartPath(options_.output_path));
  const absl::StatusOr<BatchSummary> summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->users, kUsers);
  EXPECT_TRUE(NothingIsLeftBeside(options_.output_path));
  EXPECT_EQ(TemporaryDirectory::Read(options_.output_path), content);
  EXPECT_EQ(engine_.calls, 0);
  // The output is not the one that the journal speaks of.
  ASSERT_TRUE(WriteBatchJournal(journal_path, journal).ok());
  dir_.Write("out.jsonl", "something else");
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kDataLoss);
}

TEST_F(BatchTest, AnErrorNamesTheFirstUserAndCanBeContinued) {
  options_.threads = 4;
  engine_.before = [](const v1::RankRequest& request) {
    const int number = std::stoi(request.user_id().substr(5)) / 37;
    return number >= 203 ? absl::UnavailableError("disk gone")
                         : absl::OkStatus();
  };
  const std::string path = dir_.Write("users.txt", [] {
    std::string text;
    for (const std::string& user : Users()) text += user + "\n";
    return text;
  }());
  const absl::StatusOr<std::unique_ptr<IdSource>> users =
      OpenIdFile(path, "user_id");
  ASSERT_TRUE(users.ok());
  const absl::StatusOr<BatchSummary> failed =
      RunBatch(engine_, **users, options_);
  EXPECT_EQ(failed.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(failed.status().message(),
            StrCat("user \"user-", 203 * 37, "\" (", path, ":204): disk gone"));
  engine_.before = nullptr;
  options_.resume = true;
  const absl::StatusOr<BatchSummary> summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->users_resumed, 203 / 16 * 16);
  EXPECT_EQ(Lines(options_.output_path).size(), static_cast<size_t>(kUsers));
}

TEST_F(BatchTest, CanBeStoppedAndContinued) {
  std::atomic<bool> cancelled{false};
  options_.cancelled = &cancelled;
  options_.commit_interval_ms = 1'000'000;  // the stop itself makes it safe
  engine_.before = [&](const v1::RankRequest&) {
    if (engine_.calls > 100) cancelled = true;
    return absl::OkStatus();
  };
  const absl::StatusOr<BatchSummary> stopped = Run();
  EXPECT_EQ(stopped.status().code(), absl::StatusCode::kCancelled);
  EXPECT_THAT(std::string(ToStd(stopped.status().message())),
              HasSubstr("after 96 users"));
  EXPECT_FALSE(std::filesystem::exists(options_.output_path));
  cancelled = false;
  engine_.before = nullptr;
  options_.resume = true;
  const absl::StatusOr<BatchSummary> summary = Run();
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->users_resumed, 96);
}

TEST_F(BatchTest, WithoutResumeItBeginsAnew) {
  RunAndKill(200);
  const absl::StatusOr<BatchSummary> summary = Run(Users(30));
  ASSERT_TRUE(summary.ok()) << summary.status();
  EXPECT_EQ(summary->users_resumed, 0);
  EXPECT_EQ(Lines(options_.output_path).size(), 30u);
  // And the old output stays until the new one is complete.
  RunAndKill(engine_.calls.load() + 100);
  EXPECT_EQ(Lines(options_.output_path).size(), 30u);
}

TEST_F(BatchTest, TwoJobsCannotWriteTheSameOutput) {
  absl::StatusOr<BatchOutput> other = BatchOutput::Begin(options_.output_path);
  ASSERT_TRUE(other.ok()) << other.status();
  const absl::StatusOr<BatchSummary> summary = Run();
  EXPECT_EQ(summary.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(ToStd(summary.status().message())),
              HasSubstr("another batch job is writing it"));
}

TEST_F(BatchTest, RefusesOptionsThatCannotBeUsed) {
  const auto error = [&] {
    const absl::StatusOr<BatchSummary> summary = Run();
    EXPECT_EQ(summary.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(ToStd(summary.status().message()));
  };
  options_.output_path = dir_.File("out.csv");
  EXPECT_THAT(error(), HasSubstr("CSV"));
  options_.output_path = dir_.File("out");
  EXPECT_THAT(error(), HasSubstr("the ending says neither"));
  options_.output_path = dir_.File("out.tsv");
  options_.explain = true;
  EXPECT_THAT(error(), HasSubstr("no place for reasons"));
  options_.explain = false;
  options_.threads = 0;
  EXPECT_THAT(error(), HasSubstr("threads 0"));
  options_.threads = 1;
  options_.output_path = dir_.File("nowhere/out.tsv");
  EXPECT_EQ(Run().status().code(), absl::StatusCode::kNotFound);
}

TEST_F(BatchTest, AnotherModelThanTheOneAskedForIsAnError) {
  class Confused : public FakeEngine {
   public:
    absl::StatusOr<v1::RankResponse> Rank(const v1::RankRequest& request,
                                          const CallOptions& call) override {
      absl::StatusOr<v1::RankResponse> response =
          FakeEngine::Rank(request, call);
      if (calls > 50) response->set_model("v2");
      return response;
    }
  } confused;
  const std::unique_ptr<IdSource> ids = IdsOf(Users());
  const absl::StatusOr<BatchSummary> summary =
      RunBatch(confused, *ids, options_);
  EXPECT_THAT(std::string(ToStd(summary.status().message())),
              HasSubstr("model \"v2\" answered, \"v1\" was asked"));
}

}  // namespace
}  // namespace attune
