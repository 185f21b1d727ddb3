// The backend's functions under a server and an engine of the test's own: what
// a real server does not send, errors that must not leak, many threads.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "tests/plugins/fake_engine.h"
#include "tests/plugins/triton/fake_triton.h"

namespace attune::triton {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using Json = nlohmann::json;

std::string Lengths(const std::vector<std::string>& texts) {
  std::string bytes;
  for (const std::string& text : texts) {
    const auto length = static_cast<uint32_t>(text.size());
    char head[sizeof(length)];
    std::memcpy(head, &length, sizeof(length));
    bytes.append(head, sizeof(head)).append(text);
  }
  return bytes;
}

template <typename Number>
std::string Raw(Number number) {
  return {reinterpret_cast<const char*>(&number), sizeof(number)};
}

TRITONBACKEND_Input Texts(const std::string& name,
                          const std::vector<std::string>& texts,
                          int64_t rows = 1) {
  TRITONBACKEND_Input input;
  input.name = name;
  input.shape = {rows, static_cast<int64_t>(texts.size()) / rows};
  input.buffers = {Lengths(texts)};
  return input;
}

std::vector<float> Floats(const TRITONBACKEND_Output& output) {
  std::vector<float> floats(output.bytes.size() / sizeof(float));
  std::memcpy(floats.data(), output.bytes.data(), output.bytes.size());
  return floats;
}

class BackendTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(TRITONBACKEND_Initialize(&backend_), nullptr);
    model_.backend = &backend_;
    model_.config = Config({{"database", "/db"}});
    instance_.model = &model_;
  }
  void TearDown() override {
    Behaviour() = {};
    if (model_.state != nullptr) Finalize(&model_);
    ASSERT_EQ(TRITONBACKEND_Finalize(&backend_), nullptr);
    EXPECT_EQ(LiveErrors(), 0);
    TakeCalls();
  }

  static std::string Config(const std::map<std::string, std::string>& given) {
    Json config = {{"name", "books"}, {"max_batch_size", 8}};
    for (const auto& [key, value] : given) {
      config["parameters"][key]["string_value"] = value;
    }
    return config.dump();
  }

  /// The error's text; empty if there is none.
  static std::string Take(TRITONSERVER_Error* error) {
    if (error == nullptr) return "";
    std::string text = error->message;
    TRITONSERVER_ErrorDelete(error);
    return text;
  }
  static std::string Load(TRITONBACKEND_Model* model) {
    return Take(TRITONBACKEND_ModelInitialize(model));
  }
  static void Finalize(TRITONBACKEND_Model* model) {
    EXPECT_EQ(Take(TRITONBACKEND_ModelFinalize(model)), "");
    model->state = nullptr;
  }

  void Execute(const std::vector<TRITONBACKEND_Request*>& requests) {
    std::vector<TRITONBACKEND_Request*> handed = requests;
    EXPECT_EQ(
        Take(TRITONBACKEND_ModelInstanceExecute(
            &instance_, handed.data(), static_cast<uint32_t>(handed.size()))),
        "");
    for (const TRITONBACKEND_Request* request : requests) {
      EXPECT_EQ(request->released, 1);
    }
  }
  /// The error that a request alone is answered with.
  std::string Ask(TRITONBACKEND_Request* request) {
    Execute({request});
    EXPECT_EQ(request->response.sent, 1);
    return request->response.error.has_value()
               ? request->response.error->message
               : "";
  }

  static TRITONBACKEND_Request Candidates(const std::string& user,
                                          std::vector<std::string> ids) {
    TRITONBACKEND_Request request;
    request.inputs = {Texts("USER_ID", {user}), Texts("CANDIDATE_IDS", ids)};
    request.outputs = {"CANDIDATE_SCORES"};
    return request;
  }

  TRITONBACKEND_Backend backend_;
  TRITONBACKEND_Model model_;
  TRITONBACKEND_ModelInstance instance_;
};

TEST_F(BackendTest, FillsInTensorsWhereTheConfigurationHasNone) {
  ASSERT_EQ(Load(&model_), "");
  const Json config = Json::parse(model_.config);
  EXPECT_THAT(config["input"], SizeIs(17));
  EXPECT_THAT(config["output"], SizeIs(10));
  EXPECT_EQ(config["input"][0]["optional"], true);
  EXPECT_EQ(config["input"][0]["allow_ragged_batch"], true);
  EXPECT_EQ(LastOptions().mode, EngineOptions::Mode::kFollower);
}

TEST_F(BackendTest, GivesOptionsOnAsTheyAreMeant) {
  model_.folder = "/models/books";
  model_.config = Config({{"database", "../db"},
                          {"mode", "owner"},
                          {"threads", "3"},
                          {"precision", "f32"}});
  ASSERT_EQ(Load(&model_), "");
  EXPECT_EQ(LastOptions().database_path, "/models/db");
  EXPECT_EQ(LastOptions().mode, EngineOptions::Mode::kOwner);
  EXPECT_EQ(LastOptions().threads, 3);
  EXPECT_EQ(LastOptions().precision, "f32");
}

TEST_F(BackendTest, SharesAnOwnerAndClosesItWithTheLast) {
  int closed = 0;
  Behaviour().destroy = [&] { ++closed; };
  model_.config = Config({{"database", "/db"}, {"mode", "owner"}});
  TRITONBACKEND_Model next = model_;
  ASSERT_EQ(Load(&model_), "");
  ASSERT_EQ(Load(&next), "");
  Finalize(&model_);
  EXPECT_EQ(closed, 0);
  Finalize(&next);
  EXPECT_EQ(closed, 1);
}

TEST_F(BackendTest, AnOwnerPublishesTheModelOfANewVersion) {
  model_.config =
      Config({{"database", "/db"}, {"mode", "owner"}, {"model", "/m2"}});
  ASSERT_EQ(Load(&model_), "");
  EXPECT_THAT(TakeCalls(), ElementsAre("Stats", "ReloadModel /m2"));
  Behaviour().other = [](std::string_view name) {
    return name == "ReloadModel" ? absl::DataLossError("weights are torn")
                                 : absl::OkStatus();
  };
  TRITONBACKEND_Model next = model_;
  next.state = nullptr;
  EXPECT_THAT(Load(&next), HasSubstr("weights are torn"));
  EXPECT_EQ(next.state, nullptr);
}

TEST_F(BackendTest, ScoresComeInTheRequestsOrder) {
  ASSERT_EQ(Load(&model_), "");
  TRITONBACKEND_Request request = Candidates("u", {"a", "b", "", ""});
  EXPECT_EQ(Ask(&request), "");
  const TRITONBACKEND_Output& output =
      request.response.outputs.at("CANDIDATE_SCORES");
  EXPECT_THAT(output.shape, ElementsAre(1, 4));
  const std::vector<float> scores = Floats(output);
  EXPECT_EQ(scores[0], FakeScore("u", "a"));
  EXPECT_EQ(scores[1], FakeScore("u", "b"));
  EXPECT_TRUE(std::isnan(scores[2]) && std::isnan(scores[3]));
  EXPECT_THAT(TakeCalls(), ElementsAre("RankIds u"));
}

TEST_F(BackendTest, GivesTheContextOn) {
  ASSERT_EQ(Load(&model_), "");
  TRITONBACKEND_Request request = Candidates("u", {"a", "b"});
  request.inputs.push_back(
      Texts("CONTEXT", {R"({"query": "sea tales", "depth": 2, "tab": null})"}));
  EXPECT_EQ(Ask(&request), "");
  EXPECT_THAT(TakeCalls(),
              ElementsAre("Rank u depth=2.000000 query=sea tales"));

  for (const auto& [text, message] :
       {std::pair("sea", "input CONTEXT: is no JSON"),
        std::pair("[1]", "input CONTEXT: must be a JSON object, not array"),
        std::pair(
            R"({"query": {}})",
            "input CONTEXT: field \"query\" must be a number, a string or "
            "a list of strings, not object")}) {
    TRITONBACKEND_Request bad = Candidates("u", {"a"});
    bad.inputs.push_back(Texts("CONTEXT", {text}));
    EXPECT_THAT(Ask(&bad), HasSubstr(message));
  }
}

TEST_F(BackendTest, ReadsAnInputThatComesInPieces) {
  ASSERT_EQ(Load(&model_), "");
  TRITONBACKEND_Request request = Candidates("u", {"first", "second"});
  const std::string whole = request.inputs[1].buffers[0];
  for (size_t cut = 0; cut <= whole.size(); ++cut) {
    TRITONBACKEND_Request cut_request = request;
    cut_request.inputs[1].buffers = {whole.substr(0, cut), "",
                                     whole.substr(cut)};
    ASSERT_EQ(Ask(&cut_request), "") << cut;
    EXPECT_EQ(Floats(cut_request.response.outputs.at("CANDIDATE_SCORES"))[1],
              FakeScore("u", "second"));
  }
}

TEST_F(BackendTest, RefusesWhatLiesAboutItsSize) {
  ASSERT_EQ(Load(&model_), "");
  const std::string whole = Lengths({"ab", "cd"});
  for (size_t size = 0; size < whole.size(); ++size) {
    TRITONBACKEND_Request request = Candidates("u", {"ab", "cd"});
    request.inputs[1].buffers = {whole.substr(0, size)};
    EXPECT_THAT(Ask(&request), HasSubstr("CANDIDATE_IDS")) << size;
  }
  constexpr int64_t kHuge = std::numeric_limits<int64_t>::max();
  for (const std::vector<int64_t>& shape :
       std::vector<std::vector<int64_t>>{{},
                                         {2},
                                         {1, 2, 1},
                                         {1, -2},
                                         {kHuge, kHuge},
                                         {1, int64_t{1} << 31},
                                         {1, 3}}) {
    TRITONBACKEND_Request request = Candidates("u", {"ab", "cd"});
    request.inputs[1].shape = shape;
    EXPECT_THAT(Ask(&request), HasSubstr("CANDIDATE_IDS"));
  }
  TRITONBACKEND_Request number;
  number.inputs = {Texts("USER_ID", {"u"}), {}};
  number.inputs[1].name = "K";
  number.inputs[1].type = kTritonInt32;
  number.inputs[1].shape = {1, 1};
  number.inputs[1].buffers = {"12"};
  number.outputs = {"IDS"};
  EXPECT_THAT(Ask(&number), HasSubstr("2 bytes, its shape [1,1] needs 4"));
}

TEST_F(BackendTest, RefusesUnequalRowsTypesAndMemory) {
  ASSERT_EQ(Load(&model_), "");
  TRITONBACKEND_Request rows = Candidates("u", {"a", "b"});
  rows.inputs[1].shape = {2, 1};
  EXPECT_THAT(Ask(&rows), HasSubstr("2 rows, another input has 1"));
  TRITONBACKEND_Request type = Candidates("u", {"a", "b"});
  type.inputs[0].type = kTritonInt64;
  EXPECT_THAT(Ask(&type), HasSubstr("TYPE_STRING"));
  TRITONBACKEND_Request memory = Candidates("u", {"a", "b"});
  memory.inputs[0].memory = kTritonGpu;
  EXPECT_THAT(Ask(&memory), HasSubstr("GPU"));
  EXPECT_EQ(memory.response.error->code, kTritonUnsupported);
  TRITONBACKEND_Request unknown = Candidates("u", {"a"});
  unknown.outputs = {"SCORE"};
  EXPECT_THAT(Ask(&unknown), HasSubstr("output \"SCORE\" is unknown"));
  TRITONBACKEND_Request none;
  EXPECT_THAT(Ask(&none), HasSubstr("no input"));
}

TEST_F(BackendTest, WhatHappensInTheEngineIsTheRequestsOwnError) {
  ASSERT_EQ(Load(&model_), "");
  Behaviour().rank_ids = [](std::string_view user, const RankIdsOptions&) {
    if (user == "throws") throw std::bad_alloc();
    if (user == "late") return absl::DeadlineExceededError("too late");
    return absl::OkStatus();
  };
  TRITONBACKEND_Request good = Candidates("good", {"a"});
  TRITONBACKEND_Request throws = Candidates("throws", {"a"});
  TRITONBACKEND_Request late = Candidates("late", {"a"});
  TRITONBACKEND_Request cancelled = Candidates("good", {"a"});
  cancelled.cancelled = true;
  TRITONBACKEND_Request mute = Candidates("good", {"a"});
  mute.refuse_response = true;
  Execute({&good, &throws, &late, &cancelled, &mute});
  EXPECT_FALSE(good.response.error.has_value());
  EXPECT_EQ(throws.response.error->code, kTritonUnavailable);
  EXPECT_EQ(late.response.error->code, kTritonUnavailable);
  EXPECT_THAT(late.response.error->message, HasSubstr("too late"));
  EXPECT_EQ(cancelled.response.error->code, kTritonCancelled);
  EXPECT_EQ(mute.response.sent, 0);
  EXPECT_EQ(instance_.succeeded, 1);
  EXPECT_EQ(instance_.failed, 4);
  EXPECT_EQ(instance_.batch_rows, 5u);
}

TEST_F(BackendTest, ParametersOfOthersAreLeftAlone) {
  ASSERT_EQ(Load(&model_), "");
  RankIdsOptions seen;
  Behaviour().rank_ids = [&](std::string_view, const RankIdsOptions& options) {
    seen = options;
    return absl::OkStatus();
  };
  TRITONBACKEND_Request request = Candidates("u", {"a"});
  request.parameters = {{"x-forwarded-for", std::string("me")},
                        {"now_ms", int64_t{5000}},
                        {"deadline_ms", int64_t{9}},
                        {"without_state", true}};
  TRITONBACKEND_Input now;
  now.name = "NOW_MS";
  now.type = kTritonInt64;
  now.shape = {1, 1};
  now.buffers = {Raw(int64_t{7000})};
  request.inputs.push_back(now);
  EXPECT_EQ(Ask(&request), "");
  EXPECT_EQ(seen.now_ms, 7000);  // a tensor wins
  EXPECT_EQ(seen.deadline_ms, 9);
  EXPECT_TRUE(seen.without_state);
}

TEST_F(BackendTest, ManyThreadsLoadAskAndUnload) {
  model_.config = Config(
      {{"database", "/db"}, {"mode", "owner"}, {"parallel_requests", "3"}});
  ASSERT_EQ(Load(&model_), "");
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([this, t] {
      for (int i = 0; i < 50; ++i) {
        if (t == 0) {
          TRITONBACKEND_Model next = model_;
          next.state = nullptr;
          EXPECT_EQ(Load(&next), "");
          Finalize(&next);
          continue;
        }
        std::vector<TRITONBACKEND_Request> requests;
        std::vector<TRITONBACKEND_Request*> pointers;
        for (int r = 0; r < 5; ++r) {
          requests.push_back(Candidates("u", {"a", "b"}));
          if (r % 2 == 1) requests.back().outputs = {"IDS", "SCORES"};
        }
        for (auto& request : requests) pointers.push_back(&request);
        Execute(pointers);
        for (const auto& request : requests) {
          EXPECT_FALSE(request.response.error.has_value());
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(instance_.succeeded, 3 * 50 * 5);
}

}  // namespace
}  // namespace attune::triton
