#include "bench/plugins/big_catalogue.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "base/rng.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/plugins/call_error.h"
#include "engine/io/text_file.h"
#include "engine/train/train_model.h"
#include "proto/attune.pb.h"
#include "storage/database.h"
#include "storage/write_group.h"

namespace attune {
namespace {

constexpr int kWords = 5000;
constexpr int kTags = 300;
constexpr int kNumericColumns = 3;
constexpr int64_t kGroup = 100'000;
constexpr int64_t kHourMs = 3'600'000;
/// What the model is trained on: noise, for its weights' shapes alone.
constexpr int64_t kTrainingItems = 2000;
constexpr int kTrainingUsers = 24;
constexpr char kFinished[] = "/finished";

v1::Item RandomItem(Rng& rng, int64_t number) {
  v1::Item item;
  item.set_item_id(BigCatalogue::ItemId(number));
  std::string title;
  for (int word = 0; word < 6; ++word) {
    title += StrCat(word == 0 ? "" : " ", "word", rng.Below(kWords));
  }
  item.set_title(title);
  for (int tag = 0; tag < 3; ++tag) {
    item.add_tags(StrCat("tag", rng.Below(kTags)));
  }
  for (int column = 0; column < kNumericColumns; ++column) {
    v1::Feature& feature = *item.add_features();
    feature.set_name(StrCat("number", column));
    feature.mutable_value()->set_number(rng.Uniform() * 100);
  }
  return item;
}

absl::Status PutUserEvents(storage::WriteGroup& group, Rng& rng,
                           const std::string& user, int64_t count,
                           const std::function<int64_t()>& draw) {
  for (int64_t e = 0; e < count; ++e) {
    v1::Event event;
    event.set_user_id(user);
    event.set_item_id(BigCatalogue::ItemId(draw()));
    event.set_action("click");
    const int64_t time_ms = BigCatalogue::kNowMs - (count - e) * kHourMs;
    event.set_time_ms(time_ms - static_cast<int64_t>(rng.Below(1000)));
    const storage::HistoryEntry entry{event.action()};
    const storage::CounterUpdate counter{event.item_id(), event.action(),
                                         time_ms};
    ATTUNE_RETURN_IF_ERROR(group.AppendEvent(event, &entry, {&counter, 1}));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<storage::Database>> CreateDatabase(
    const std::string& path, int history_limit) {
  storage::OpenOptions open;
  open.path = path;
  open.create_if_missing = true;
  open.history_limit = history_limit;
  return storage::Database::Open(open);
}

}  // namespace

ZipfDistribution::ZipfDistribution(int64_t count)
    : log_count_(std::log(static_cast<double>(count) + 1)), count_(count) {}

int64_t ZipfDistribution::Draw(double uniform) const {
  // P(rank < r) = log(1 + r) / log(1 + count): the continuous law's inverse.
  const auto rank = static_cast<int64_t>(std::exp(uniform * log_count_) - 1);
  return std::clamp<int64_t>(rank, 0, count_ - 1);
}

std::string BigCatalogue::ItemId(int64_t number) {
  return StrCat("item-", number);
}

int64_t BigCatalogue::ItemOfRank(int64_t rank) const {
  // A multiplier coprime to the count permutes the numbers.
  uint64_t multiplier = 2'654'435'761u;
  const uint64_t count = static_cast<uint64_t>(options_.items);
  while (std::gcd(multiplier, count) != 1) ++multiplier;
  __extension__ using Wide = unsigned __int128;
  return static_cast<int64_t>((static_cast<Wide>(rank) * multiplier) % count);
}

absl::StatusOr<std::unique_ptr<BigCatalogue>> BigCatalogue::Open(
    const BigCatalogueOptions& options) {
  std::unique_ptr<BigCatalogue> catalogue(new BigCatalogue(options));
  std::error_code error;
  if (!std::filesystem::exists(options.directory + kFinished, error)) {
    ATTUNE_RETURN_IF_ERROR(catalogue->Make());
    ATTUNE_RETURN_IF_ERROR(WriteTextFile(options.directory + kFinished,
                                         StrCat(options.items, " items\n")));
  }
  ATTUNE_RETURN_IF_ERROR(catalogue->OpenEngine(/*publishing=*/false));
  return absl::StatusOr<std::unique_ptr<BigCatalogue>>(std::move(catalogue));
}

BigCatalogue::~BigCatalogue() { Close().IgnoreError(); }

absl::Status BigCatalogue::Train() {
  const std::string path = options_.directory + "/training-db";
  ATTUNE_ASSIGN_OR_RETURN(auto database,
                          CreateDatabase(path, 2 * options_.model.window));
  Rng rng(1);
  storage::WriteGroup group;
  for (int64_t i = 0; i < kTrainingItems; ++i) {
    ATTUNE_RETURN_IF_ERROR(group.PutItem(RandomItem(rng, i)));
  }
  for (int u = 0; u < kTrainingUsers; ++u) {
    ATTUNE_RETURN_IF_ERROR(PutUserEvents(
        group, rng, StrCat("user-", u), options_.model.window,
        [&] { return static_cast<int64_t>(rng.Below(kTrainingItems)); }));
  }
  ATTUNE_RETURN_IF_ERROR(database->Write(std::move(group)));
  TrainModelOptions train;
  train.output = model_directory();
  train.config.model = options_.model;
  TrainOptions& training = train.config.training;
  training.epochs = 1;
  training.decoder_epochs = 1;
  training.rerank = 100;
  training.threads = 2;
  train.split.distinct_items = false;
  train.force_fusion = FusionChoice{FusionMode::kFull, 1.0f};
  ATTUNE_RETURN_IF_ERROR(TrainModel(*database, train).status());
  database.reset();
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
  return absl::OkStatus();
}

absl::Status BigCatalogue::Make() {
  std::error_code error;
  std::filesystem::remove_all(options_.directory, error);
  std::filesystem::create_directories(options_.directory, error);
  if (error) {
    return absl::InternalError(
        StrCat(options_.directory, ": ", error.message()));
  }
  ATTUNE_RETURN_IF_ERROR(Train());
  {
    const int64_t window = options_.model.window;
    ATTUNE_ASSIGN_OR_RETURN(
        auto database,
        CreateDatabase(this->database(), static_cast<int>(2 * window)));
    Rng rng(2);
    for (int64_t begin = 0; begin < options_.items; begin += kGroup) {
      storage::WriteGroup group;
      const int64_t end = std::min(begin + kGroup, options_.items);
      for (int64_t i = begin; i < end; ++i) {
        ATTUNE_RETURN_IF_ERROR(group.PutItem(RandomItem(rng, i)));
      }
      ATTUNE_RETURN_IF_ERROR(database->BulkWrite(std::move(group)));
    }
    const ZipfDistribution zipf(options_.items);
    const auto draw = [&] { return ItemOfRank(zipf.Draw(rng.Uniform())); };
    storage::WriteGroup group;
    for (int u = 0; u < kUsers; ++u) {
      ATTUNE_RETURN_IF_ERROR(
          PutUserEvents(group, rng, StrCat("full-", u), window, draw));
      ATTUNE_RETURN_IF_ERROR(
          PutUserEvents(group, rng, StrCat("any-", u),
                        static_cast<int64_t>(rng.Below(2 * window + 1)), draw));
    }
    ATTUNE_RETURN_IF_ERROR(database->Write(std::move(group)));
  }
  ATTUNE_RETURN_IF_ERROR(OpenEngine(/*publishing=*/true));
  ATTUNE_RETURN_IF_ERROR(Publish());
  ATTUNE_RETURN_IF_ERROR(Close());
  // As a catalogue lies at rest, not as it was loaded.
  storage::OpenOptions open;
  open.path = database();
  ATTUNE_ASSIGN_OR_RETURN(auto database, storage::Database::Open(open));
  return database->Compact();
}

absl::Status BigCatalogue::OpenEngine(bool publishing) {
  const std::string json =
      StrCat("{\"database\": \"", database(), "\", \"threads\": 2, ",
             "\"memory_limit_mb\": ", options_.memory_limit_mb,
             ", \"precision\": \"", options_.precision, "\"",
             ", \"fill_item_cache\": ", options_.fill ? "true" : "false",
             publishing ? ", \"publish_items_per_second\": 0" : "", "}");
  CallError error;
  return error.ToStatus(
      attune_open(json.data(), json.size(), nullptr, &engine_, error.get()));
}

absl::Status BigCatalogue::Publish() {
  const std::string directory = model_directory();
  CallError error;
  return error.ToStatus(attune_reload_model(engine_, directory.data(),
                                            directory.size(), error.get()));
}

absl::Status BigCatalogue::Close() {
  if (engine_ == nullptr) return absl::OkStatus();
  CallError error;
  const int code = attune_close(engine_, error.get());
  engine_ = nullptr;
  return error.ToStatus(code);
}

absl::Status BigCatalogue::RankIds(const std::string& user,
                                   std::span<const char* const> ids,
                                   std::span<const size_t> id_lengths,
                                   bool cold, std::span<float> scores) {
  attune_rank_ids_options options{};
  options.struct_size = sizeof(options);
  options.flags = cold ? ATTUNE_RANK_WITHOUT_STATE : 0;
  options.now_ms = kNowMs;
  CallError error;
  return error.ToStatus(attune_rank_ids(
      engine_, user.data(), user.size(), ids.data(), id_lengths.data(),
      ids.size(), scores.data(), &options, error.get()));
}

absl::Status BigCatalogue::PutEvent(const std::string& user,
                                    const std::string& item, int64_t time_ms) {
  v1::PutEventsRequest request;
  v1::Event& event = *request.add_events();
  event.set_user_id(user);
  event.set_item_id(item);
  event.set_action("click");
  event.set_time_ms(time_ms);
  const std::string bytes = request.SerializeAsString();
  CallError error;
  return error.ToStatus(
      attune_put_events(engine_, bytes.data(), bytes.size(), 0, error.get()));
}

absl::Status BigCatalogue::ResetUser(const std::string& user, int64_t count) {
  CallError error;
  ATTUNE_RETURN_IF_ERROR(error.ToStatus(attune_delete_user_events(
      engine_, user.data(), user.size(), nullptr, 0, error.get())));
  Rng rng(5);
  const ZipfDistribution zipf(options_.items);
  v1::PutEventsRequest request;
  for (int64_t e = 0; e < count; ++e) {
    v1::Event& event = *request.add_events();
    event.set_user_id(user);
    event.set_item_id(ItemId(ItemOfRank(zipf.Draw(rng.Uniform()))));
    event.set_action("click");
    event.set_time_ms(kNowMs - (count - e) * kHourMs);
  }
  const std::string bytes = request.SerializeAsString();
  return error.ToStatus(
      attune_put_events(engine_, bytes.data(), bytes.size(), 0, error.get()));
}

absl::StatusOr<std::string> BigCatalogue::Stats() {
  attune_buffer buffer{};
  buffer.struct_size = sizeof(buffer);
  CallError error;
  ATTUNE_RETURN_IF_ERROR(error.ToStatus(
      attune_stats(engine_, ATTUNE_STATS_JSON, &buffer, error.get())));
  std::string text(static_cast<const char*>(buffer.data), buffer.size);
  attune_buffer_free(&buffer);
  return text;
}

}  // namespace attune
