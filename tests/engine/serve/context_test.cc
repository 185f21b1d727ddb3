// Requests with a context, from the log to the answer: a shop of whose clicks
// half come from a search, in one of two rooms.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cmath>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/rng.h"
#include "base/strings.h"
#include "engine/engine.h"
#include "engine/train/train_model.h"
#include "features/schema.h"
#include "storage/database.h"
#include "storage/write_group.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

constexpr int kItems = 80;
constexpr int kBarrels = 8;  // the first items, the only ones in the cellar
constexpr int kUsers = 80;
constexpr int kEvents = 24;
constexpr int64_t kNowMs = 1'700'000'000'000;

constexpr char kSchema[] = R"({"columns": [
  {"name": "query", "entity": "event", "type": "text", "context": true},
  {"name": "room", "entity": "event", "type": "categorical",
   "context": true}]})";

// Two words that no other title has together.
std::string TitleOf(int item) {
  constexpr const char* kFirst[] = {"silver", "amber",   "crimson", "hollow",
                                    "winter", "rolling", "distant", "quiet",
                                    "broken", "hidden"};
  constexpr const char* kSecond[] = {"harbour",   "mountain", "garden",
                                     "lantern",   "orchard",  "railway",
                                     "cathedral", "meadow"};
  return StrCat(kFirst[item % 10], " ", kSecond[item / 10]);
}

void AddText(google::protobuf::RepeatedPtrField<v1::Feature>* features,
             const std::string& name, const std::string& value) {
  v1::Feature& feature = *features->Add();
  feature.set_name(name);
  feature.mutable_value()->set_text(value);
}

class ContextRequestTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "attune_context_XXXXXX")
            .string();
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    directory_ = pattern;
    ASSERT_NO_FATAL_FAILURE(Fill());
    ASSERT_NO_FATAL_FAILURE(Train());
    EngineOptions options;
    options.database_path = directory_ + "/db";
    auto engine = Engine::Open(std::move(options));
    ASSERT_TRUE(engine.ok()) << engine.status();
    const absl::Status loaded = (*engine)->ReloadModel(directory_ + "/model");
    ASSERT_TRUE(loaded.ok()) << loaded;
    engine_ = engine->release();
  }
  static void TearDownTestSuite() {
    delete engine_;
    engine_ = nullptr;
    std::filesystem::remove_all(directory_);
  }
  void SetUp() override { ASSERT_NE(engine_, nullptr); }

  static void Fill() {
    EngineOptions options;
    options.database_path = directory_ + "/db";
    options.create_if_missing = true;
    {
      storage::OpenOptions open;
      open.path = options.database_path;
      open.create_if_missing = true;
      auto database = storage::Database::Open(open);
      ASSERT_TRUE(database.ok()) << database.status();
      storage::WriteGroup group;
      ASSERT_TRUE(group.PutMeta("schema", kSchema).ok());
      ASSERT_TRUE((*database)->Write(std::move(group)).ok());
    }
    auto engine = Engine::Open(std::move(options));
    ASSERT_TRUE(engine.ok()) << engine.status();
    std::vector<v1::Item> items(kItems);
    for (int i = 0; i < kItems; ++i) {
      items[i].set_item_id(StrCat("i", i));
      items[i].set_title(TitleOf(i));
      items[i].add_tags(i < kBarrels ? "barrel" : "shelf");
    }
    ASSERT_TRUE((*engine)->PutItems(items).ok());
    Rng rng(5);
    std::vector<v1::Event> events;
    for (int user = 0; user < kUsers; ++user) {
      for (int e = 0; e < kEvents; ++e) {
        // Nobody has a taste: what a search finds is all there is to know, and
        // that in the cellar they take barrels.
        const bool search = rng.Bernoulli(0.5);
        const bool cellar = !search && rng.Bernoulli(0.5);
        const int item =
            static_cast<int>(rng.Below(cellar ? kBarrels : kItems));
        v1::Event& event = events.emplace_back();
        event.set_user_id(StrCat("u", user));
        event.set_item_id(StrCat("i", item));
        event.set_action("click");
        event.set_time_ms(kNowMs - (kEvents - e) * int64_t{3'600'000} + user);
        if (search) {
          std::string query = TitleOf(item);
          if (rng.Bernoulli(0.3)) query.erase(1 + rng.Below(5), 1);
          AddText(event.mutable_features(), "query", query);
        } else {
          AddText(event.mutable_features(), "room", cellar ? "cellar" : "hall");
        }
      }
    }
    ASSERT_TRUE((*engine)->PutEvents(events).ok());
  }

  static void Train() {
    storage::OpenOptions open;
    open.path = directory_ + "/db";
    auto database = storage::Database::Open(open);
    ASSERT_TRUE(database.ok()) << database.status();
    TrainModelOptions options;
    options.output = directory_ + "/model";
    ModelConfig& model = options.config.model;
    model.width = 16;
    model.heads = 2;
    model.encoder_blocks = 1;
    model.feed_forward = 32;
    model.window = 16;
    model.fusion_hidden = {16};
    TrainOptions& training = options.config.training;
    training.epochs = 6;
    training.warmup_steps = 10;
    training.decoder_epochs = 12;
    training.decoder_patience = 12;
    training.decoder_learning_rate = 5e-3f;
    training.decoder_batch_tokens = 64;
    training.average_decay = 0.9f;
    training.threads = 1;
    const auto trained = TrainModel(**database, options);
    ASSERT_TRUE(trained.ok()) << trained.status();
  }

  static v1::RankRequest Request(const std::string& user) {
    v1::RankRequest request;
    request.set_user_id(user);
    request.set_now_ms(kNowMs);
    for (int i = 0; i < kItems; ++i) request.add_candidate_ids(StrCat("i", i));
    return request;
  }
  static v1::RankRequest Search(const std::string& user,
                                const std::string& query) {
    v1::RankRequest request = Request(user);
    AddText(request.mutable_context(), "query", query);
    return request;
  }

  static v1::RankResponse Rank(const v1::RankRequest& request) {
    const auto response = engine_->Rank(request);
    EXPECT_TRUE(response.ok()) << response.status();
    return response.ok() ? *response : v1::RankResponse();
  }
  static std::map<std::string, double> Scores(const v1::RankRequest& request) {
    std::map<std::string, double> scores;
    const v1::RankResponse response = Rank(request);
    for (const v1::RankedItem& item : response.items()) {
      scores[item.item_id()] = item.score();
    }
    return scores;
  }
  /// From 1.
  static int RankOf(const v1::RankRequest& request, const std::string& item) {
    const v1::RankResponse response = Rank(request);
    for (const v1::RankedItem& ranked : response.items()) {
      if (ranked.item_id() == item) return static_cast<int>(ranked.rank());
    }
    return kItems + 1;
  }

  static std::string directory_;
  static Engine* engine_;
};

std::string ContextRequestTest::directory_;
Engine* ContextRequestTest::engine_ = nullptr;

TEST_F(ContextRequestTest, AQueryFindsWhatItNames) {
  int first_with = 0, first_without = 0, first_of_broken = 0;
  for (int i = 0; i < kItems; ++i) {
    const std::string user = StrCat("u", i % kUsers);
    const std::string item = StrCat("i", i);
    first_with += RankOf(Search(user, TitleOf(i)), item) == 1;
    first_without += RankOf(Request(user), item) == 1;
    // A letter lost.
    first_of_broken += RankOf(Search(user, TitleOf(i).erase(2, 1)), item) == 1;
  }
  EXPECT_GT(first_with, kItems * 9 / 10);
  EXPECT_GT(first_of_broken, kItems / 2);
  EXPECT_LT(first_without, kItems / 8);
}

TEST_F(ContextRequestTest, ASceneMovesWhatIsTakenThere) {
  // Mean place of the barrels.
  const auto mean = [](const std::string& room) {
    double sum = 0;
    for (int u = 0; u < kUsers; ++u) {
      v1::RankRequest request = Request(StrCat("u", u));
      AddText(request.mutable_context(), "room", room);
      const v1::RankResponse response = Rank(request);
      for (const v1::RankedItem& item : response.items()) {
        const int number = std::stoi(item.item_id().substr(1));
        if (number < kBarrels) sum += item.rank();
      }
    }
    return sum / (kUsers * kBarrels);
  };
  EXPECT_LT(mean("cellar"), kBarrels);
  EXPECT_GT(mean("hall"), kItems / 4);
}

TEST_F(ContextRequestTest, AWarmScoreEqualsAColdOne) {
  for (const char* query : {"silver garden", "meadow", "xyz", ""}) {
    v1::RankRequest request = Request("u3");
    if (*query != '\0') {
      AddText(request.mutable_context(), "query", query);
    }
    Rank(request);
    const auto warm = Scores(request);
    request.set_without_state(true);
    const auto cold = Scores(request);
    ASSERT_EQ(warm.size(), cold.size());
    for (const auto& [item, score] : cold) {
      EXPECT_NEAR(warm.at(item), score, 1e-5 * (1 + std::abs(score))) << query;
    }
  }
  // No query stays behind in what is kept.
  const auto before = Scores(Request("u4"));
  Rank(Search("u4", "silver garden"));
  EXPECT_EQ(Scores(Request("u4")), before);
}

TEST_F(ContextRequestTest, AScoreDoesNotDependOnTheCompany) {
  v1::RankRequest request = Search("u5", "amber lantern");
  request.set_without_state(true);
  const auto all = Scores(request);
  for (int i = 0; i < kItems; i += 7) {
    v1::RankRequest alone = Search("u5", "amber lantern");
    alone.set_without_state(true);
    alone.clear_candidate_ids();
    alone.add_candidate_ids(StrCat("i", i));
    EXPECT_EQ(Scores(alone).at(StrCat("i", i)), all.at(StrCat("i", i)));
  }
}

TEST_F(ContextRequestTest, WithoutCandidatesTheQueryIsLookedUp) {
  v1::RankRequest request = Search("u6", TitleOf(33));
  request.clear_candidate_ids();
  request.set_k(3);
  EXPECT_EQ(Rank(request).items(0).item_id(), "i33");
}

TEST_F(ContextRequestTest, ReasonsAreForTheSameQuestion) {
  v1::RankRequest request = Search("u7", TitleOf(12));
  request.set_k(2);
  request.set_explain(true);
  const v1::RankResponse answer = Rank(request);
  ASSERT_EQ(answer.items_size(), 2);
  EXPECT_EQ(answer.items(0).item_id(), "i12");
  // The score rests on the query: no event is worth what that is.
  for (const v1::Reason& reason : answer.items(0).explanation().reasons()) {
    EXPECT_LT(reason.effect(),
              answer.items(0).score() - answer.items(1).score());
  }
}

TEST_F(ContextRequestTest, WhatIsUnknownIsNamed) {
  const auto error = [](const std::string& name, const v1::Value& value) {
    v1::RankRequest request = Request("u1");
    v1::Feature& feature = *request.add_context();
    feature.set_name(name);
    *feature.mutable_value() = value;
    const absl::Status status = engine_->Rank(request).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    return std::string(status.message());
  };
  v1::Value number, text;
  number.set_number(3);
  text.set_text("a");
  EXPECT_THAT(
      error("qurey", text),
      HasSubstr("field \"context\": context \"qurey\" is unknown to the "
                "model; it knows: \"query\" (text), \"room\" "
                "(categorical)"));
  EXPECT_THAT(error("query", number), HasSubstr("its type is text"));
}

}  // namespace
}  // namespace attune
