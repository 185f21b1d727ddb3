#include "bench/plugins/bench_shop.h"

#include <stdlib.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/plugins/call_error.h"
#include "engine/train/train_model.h"
#include "proto/attune.pb.h"
#include "storage/database.h"

namespace attune {
namespace {

constexpr int kWords = 400;
constexpr int kTags = 60;
constexpr int64_t kHourMs = 3'600'000;

}  // namespace

std::string BenchShop::ItemId(size_t number) { return StrCat("item-", number); }
std::string BenchShop::UserId(size_t number) { return StrCat("user-", number); }

absl::StatusOr<std::unique_ptr<BenchShop>> BenchShop::Create(int events) {
  std::unique_ptr<BenchShop> shop(new BenchShop(events));
  ATTUNE_RETURN_IF_ERROR(shop->Make());
  return absl::StatusOr<std::unique_ptr<BenchShop>>(std::move(shop));
}

BenchShop::~BenchShop() {
  Close().IgnoreError();
  std::error_code ignored;
  if (!directory_.empty()) std::filesystem::remove_all(directory_, ignored);
}

absl::Status BenchShop::Make() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "attune-bench-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return absl::InternalError(StrCat("mkdtemp ", pattern));
  }
  directory_ = pattern;
  {
    // Before the engine does: its default keeps 400 events of a history.
    storage::OpenOptions open;
    open.path = database();
    open.create_if_missing = true;
    open.history_limit = 2 * events_;
    ATTUNE_RETURN_IF_ERROR(storage::Database::Open(open).status());
  }
  ATTUNE_RETURN_IF_ERROR(Open());
  ATTUNE_RETURN_IF_ERROR(PutItems());
  ATTUNE_RETURN_IF_ERROR(PutEvents());
  ATTUNE_RETURN_IF_ERROR(Close());
  ATTUNE_RETURN_IF_ERROR(Train());
  ATTUNE_RETURN_IF_ERROR(Open());
  CallError error;
  return error.ToStatus(attune_reload_model(engine_, model().data(),
                                            model().size(), error.get()));
}

absl::Status BenchShop::Open() {
  // States of all users fit at T = 1000, so that warm requests are warm.
  const std::string json =
      StrCat("{\"database\": \"", database(),
             "\", \"threads\": 2, \"memory_limit_mb\": 2048, "
             "\"precision\": \"f32\"}");
  CallError error;
  return error.ToStatus(
      attune_open(json.data(), json.size(), nullptr, &engine_, error.get()));
}

absl::Status BenchShop::Close() {
  if (engine_ == nullptr) return absl::OkStatus();
  CallError error;
  const int code = attune_close(engine_, error.get());
  engine_ = nullptr;
  return error.ToStatus(code);
}

absl::Status BenchShop::PutItems() {
  Rng rng(3);
  v1::PutItemsRequest request;
  for (int i = 0; i < kItems; ++i) {
    v1::Item& item = *request.add_items();
    item.set_item_id(ItemId(i));
    std::string title;
    for (int word = 0; word < 6; ++word) {
      title += StrCat(word == 0 ? "" : " ", "word", rng.Below(kWords));
    }
    item.set_title(title);
    for (int tag = 0; tag < 3; ++tag) {
      item.add_tags(StrCat("tag", rng.Below(kTags)));
    }
  }
  const std::string bytes = request.SerializeAsString();
  CallError error;
  return error.ToStatus(
      attune_put_items(engine_, bytes.data(), bytes.size(), 0, error.get()));
}

absl::Status BenchShop::PutEvents() {
  Rng rng(5);
  for (int u = 0; u < kUsers; ++u) {
    v1::PutEventsRequest request;
    for (int e = 0; e < events_; ++e) {
      v1::Event& event = *request.add_events();
      event.set_user_id(UserId(u));
      // Popular items get more: the square of a uniform number.
      const double uniform = rng.Uniform();
      event.set_item_id(
          ItemId(static_cast<size_t>(uniform * uniform * kItems)));
      event.set_action("click");
      event.set_time_ms(kNowMs - (events_ - e) * kHourMs - u);
    }
    const std::string bytes = request.SerializeAsString();
    CallError error;
    ATTUNE_RETURN_IF_ERROR(error.ToStatus(attune_put_events(
        engine_, bytes.data(), bytes.size(), 0, error.get())));
  }
  return absl::OkStatus();
}

absl::Status BenchShop::Train() {
  storage::OpenOptions open;
  open.path = database();
  ATTUNE_ASSIGN_OR_RETURN(auto database, storage::Database::Open(open));
  // A history as it lies at rest, not as a chain of unmerged appends.
  ATTUNE_RETURN_IF_ERROR(database->Compact());
  TrainModelOptions options;
  options.output = model();
  ModelConfig& config = options.config.model;
  config.width = 64;
  config.heads = 4;
  config.encoder_blocks = 2;
  config.decoder_blocks = 1;
  config.window = std::max(events_, 200);
  TrainOptions& training = options.config.training;
  training.epochs = 1;
  training.decoder_epochs = 1;
  training.rerank = 100;
  training.threads = 2;
  options.split.distinct_items = false;
  // One epoch on noise would choose no fusion; its work is to be measured.
  options.force_fusion = FusionChoice{FusionMode::kFull, 1.0f};
  return TrainModel(*database, options).status();
}

absl::Status BenchShop::RankIds(const std::string& user,
                                std::span<const char* const> ids,
                                std::span<const size_t> id_lengths, bool cold,
                                std::span<float> scores) {
  attune_rank_ids_options options{};
  options.struct_size = sizeof(options);
  options.flags = cold ? ATTUNE_RANK_WITHOUT_STATE : 0;
  options.now_ms = kNowMs;
  CallError error;
  return error.ToStatus(attune_rank_ids(
      engine_, user.data(), user.size(), ids.data(), id_lengths.data(),
      ids.size(), scores.data(), &options, error.get()));
}

absl::Status BenchShop::CheckHistory(const std::string& user) {
  v1::RankRequest request;
  request.set_user_id(user);
  request.add_candidate_ids(ItemId(0));
  request.set_now_ms(kNowMs);
  const std::string bytes = request.SerializeAsString();
  v1::RankResponse response;
  for (int time = 0; time < 2; ++time) {
    attune_buffer buffer{};
    buffer.struct_size = sizeof(buffer);
    CallError error;
    ATTUNE_RETURN_IF_ERROR(error.ToStatus(attune_rank(
        engine_, bytes.data(), bytes.size(), nullptr, &buffer, error.get())));
    const bool parsed =
        response.ParseFromArray(buffer.data, static_cast<int>(buffer.size));
    attune_buffer_free(&buffer);
    if (!parsed) return absl::InternalError("the response does not parse");
  }
  if (static_cast<int>(response.history_length()) != events_ ||
      !response.warm()) {
    return absl::InternalError(
        StrCat(response.history_length(), " events encoded, not ", events_,
               "; warm: ", response.warm() ? "yes" : "no"));
  }
  return absl::OkStatus();
}

}  // namespace attune
