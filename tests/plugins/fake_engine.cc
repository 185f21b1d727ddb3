#include "tests/plugins/fake_engine.h"

#include <cstdint>
#include <utility>

#include "plugins/c_abi/engine_factory.h"

namespace attune {
namespace {

struct FakeState {
  std::mutex mutex;
  std::vector<std::string> calls;
  EngineOptions options;
  FakeBehaviour behaviour;
};

FakeState& State() {
  static FakeState* const state = new FakeState;
  return *state;
}

void Note(std::string call) {
  std::lock_guard<std::mutex> lock(State().mutex);
  if (State().calls.size() < 10000) State().calls.push_back(std::move(call));
}

absl::Status Other(std::string_view name) {
  return Behaviour().other ? Behaviour().other(name) : absl::OkStatus();
}

class FakeEngine : public Engine {
 public:
  explicit FakeEngine(EngineOptions options) : options_(std::move(options)) {}
  ~FakeEngine() override {
    if (Behaviour().destroy) Behaviour().destroy();
    Log(options_.log, LogLevel::kInfo, "closed");
  }

  absl::StatusOr<v1::RankResponse> Rank(const v1::RankRequest& request,
                                        const CallOptions& options) override {
    std::string note = "Rank " + request.user_id();
    for (const v1::Feature& feature : request.context()) {
      note += " " + feature.name() + "=" +
              (feature.value().has_number()
                   ? std::to_string(feature.value().number())
                   : feature.value().text());
    }
    Note(note);
    if (Behaviour().rank) {
      absl::Status status = Behaviour().rank(request, options);
      if (!status.ok()) return status;
    }
    v1::RankResponse response;
    for (const std::string& id : request.candidate_ids()) {
      v1::RankedItem* item = response.add_items();
      item->set_item_id(id);
      item->set_score(FakeScore(request.user_id(), id));
      item->set_rank(response.items_size());
    }
    response.set_request_id(request.request_id());
    response.set_model("fake");
    if (Behaviour().answer) Behaviour().answer(request, &response);
    return response;
  }

  std::vector<absl::StatusOr<v1::RankResponse>> RankMany(
      std::span<const v1::RankRequest* const> requests,
      const CallOptions& options) override {
    std::vector<absl::StatusOr<v1::RankResponse>> responses;
    for (const v1::RankRequest* request : requests) {
      responses.push_back(options.cancelled.IsSet()
                              ? absl::CancelledError("cancelled")
                              : Rank(*request, options));
    }
    return responses;
  }

  absl::Status RankIds(std::string_view user_id,
                       std::span<const std::string_view> ids,
                       std::span<float> scores,
                       const RankIdsOptions& options) override {
    Note("RankIds " + std::string(user_id));
    if (Behaviour().rank_ids) {
      absl::Status status = Behaviour().rank_ids(user_id, options);
      if (!status.ok()) return status;
    }
    for (size_t i = 0; i < ids.size(); ++i) {
      scores[i] = FakeScore(user_id, ids[i]);
    }
    return absl::OkStatus();
  }

  absl::Status PutItems(std::span<const v1::Item> items, bool sync) override {
    std::string call = "PutItems";
    for (const v1::Item& item : items) call += " " + item.item_id();
    Note(call + (sync ? " sync" : ""));
    return Other("PutItems");
  }
  absl::Status PutUsers(std::span<const v1::User> users, bool sync) override {
    std::string call = "PutUsers";
    for (const v1::User& user : users) call += " " + user.user_id();
    Note(call + (sync ? " sync" : ""));
    return Other("PutUsers");
  }
  absl::Status PutEvents(std::span<const v1::Event> events,
                         bool sync) override {
    std::string call = "PutEvents";
    for (const v1::Event& event : events) {
      call += " " + event.user_id() + ":" + event.item_id();
    }
    Note(call + (sync ? " sync" : ""));
    return Other("PutEvents");
  }
  absl::Status DeleteItem(std::string_view item_id) override {
    Note("DeleteItem " + std::string(item_id));
    return Other("DeleteItem");
  }
  absl::Status DeleteUser(std::string_view user_id) override {
    Note("DeleteUser " + std::string(user_id));
    return Other("DeleteUser");
  }
  absl::Status DeleteUserEvents(std::string_view user_id,
                                std::string_view item_id) override {
    Note("DeleteUserEvents " + std::string(user_id) + ":" +
         std::string(item_id));
    return Other("DeleteUserEvents");
  }
  absl::Status PrefetchUser(std::string_view user_id,
                            std::string_view model) override {
    Note("PrefetchUser " + std::string(user_id) + ":" + std::string(model));
    return Other("PrefetchUser");
  }
  absl::Status ReloadModel(const std::string& directory,
                           const std::string& vectors) override {
    Note("ReloadModel " + directory +
         (vectors.empty() ? "" : " with " + vectors));
    return Other("ReloadModel");
  }
  absl::Status RollbackModel() override {
    Note("RollbackModel");
    return Other("RollbackModel");
  }
  absl::Status CancelReload() override {
    Note("CancelReload");
    return Other("CancelReload");
  }
  absl::Status Refresh() override {
    Note("Refresh");
    return Other("Refresh");
  }
  std::string Stats(StatsFormat format) const override {
    Note("Stats");
    if (!Other("Stats").ok()) return "";
    return format == StatsFormat::kJson ? "{\"requests\": 0}"
                                        : "attune_requests_total 0\n";
  }

 private:
  EngineOptions options_;
};

}  // namespace

FakeBehaviour& Behaviour() { return State().behaviour; }

std::vector<std::string> TakeCalls() {
  std::lock_guard<std::mutex> lock(State().mutex);
  return std::exchange(State().calls, {});
}

EngineOptions LastOptions() {
  std::lock_guard<std::mutex> lock(State().mutex);
  return State().options;
}

float FakeScore(std::string_view user_id, std::string_view item_id) {
  uint32_t hash = 2166136261u;
  for (const std::string_view part :
       {user_id, std::string_view("|"), item_id}) {
    for (const char c : part) {
      hash = (hash ^ static_cast<unsigned char>(c)) * 16777619u;
    }
  }
  // volatile: the compiler must not fold these with its own rounding.
  volatile float denormal = 1e-30f;
  denormal = denormal * 1e-10f;
  volatile float quotient = static_cast<float>(hash & 0xFFFF) + 1.0f;
  quotient = quotient / 3.0f;
  return quotient + denormal * 1e38f;
}

absl::StatusOr<std::unique_ptr<Engine>> OpenEngine(EngineOptions options) {
  if (Behaviour().open) {
    absl::Status status = Behaviour().open(options);
    if (!status.ok()) return status;
  }
  Log(options.log, LogLevel::kDebug, "opening");
  Log(options.log, LogLevel::kInfo, "opened");
  {
    std::lock_guard<std::mutex> lock(State().mutex);
    State().options = options;
  }
  return std::make_unique<FakeEngine>(std::move(options));
}

}  // namespace attune
