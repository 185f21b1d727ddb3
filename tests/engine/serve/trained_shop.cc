#include "tests/engine/serve/trained_shop.h"

#include <stdlib.h>

#include <filesystem>
#include <utility>

#include "base/rng.h"
#include "base/status_macros.h"
#include "engine/train/train_model.h"
#include "storage/database.h"

namespace attune {
namespace {

constexpr const char* kWords[3][4] = {{"river", "boat", "fish", "reed"},
                                      {"star", "moon", "comet", "orbit"},
                                      {"bread", "oven", "flour", "yeast"}};

absl::Status Fill(Engine& engine) {
  Rng rng(11);
  std::vector<v1::Item> items;
  for (int i = 0; i < TrainedShop::kItems; ++i) {
    v1::Item& item = items.emplace_back();
    item.set_item_id(TrainedShop::ItemId(i));
    item.set_title(std::string(kWords[i % 3][rng.Below(4)]) + " and " +
                   kWords[i % 3][rng.Below(4)]);
    item.add_tags(kWords[i % 3][0]);
  }
  ATTUNE_RETURN_IF_ERROR(engine.PutItems(items));
  std::vector<v1::Event> events;
  for (int u = 0; u < TrainedShop::kUsers; ++u) {
    for (int e = 0; e < TrainedShop::kEvents; ++e) {
      const int kind = rng.Bernoulli(0.8) ? u % 3 : e % 3;
      events.push_back(TrainedShop::Click(
          TrainedShop::UserId(u),
          TrainedShop::ItemId(static_cast<int>(rng.Below(30)) * 3 + kind),
          TrainedShop::kNowMs - (100 - e) * 3'600'000LL - u));
    }
  }
  return engine.PutEvents(events);
}

}  // namespace

v1::Event TrainedShop::Click(const std::string& user, const std::string& item,
                             int64_t time_ms) {
  v1::Event event;
  event.set_user_id(user);
  event.set_item_id(item);
  event.set_action("click");
  event.set_time_ms(time_ms);
  return event;
}

absl::StatusOr<std::unique_ptr<Engine>> TrainedShop::Open(
    const std::string& precision, size_t memory_limit_bytes) const {
  EngineOptions options;
  options.database_path = database();
  options.precision = precision;
  options.memory_limit_bytes = memory_limit_bytes;
  return Engine::Open(std::move(options));
}

absl::StatusOr<std::unique_ptr<TrainedShop>> TrainedShop::Create() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "attune_serve_XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return absl::InternalError("mkdtemp " + pattern);
  }
  std::unique_ptr<TrainedShop> shop(new TrainedShop(pattern));
  {
    EngineOptions options;
    options.database_path = shop->database();
    options.create_if_missing = true;
    ATTUNE_ASSIGN_OR_RETURN(auto engine, Engine::Open(std::move(options)));
    ATTUNE_RETURN_IF_ERROR(Fill(*engine));
  }
  {
    storage::OpenOptions open;
    open.path = shop->database();
    ATTUNE_ASSIGN_OR_RETURN(auto database, storage::Database::Open(open));
    for (int which = 0; which < 2; ++which) {
      TrainModelOptions options;
      options.output = shop->model(which);
      ModelConfig& model = options.config.model;
      model.width = 16;
      model.heads = 2;
      model.feed_forward = 32;
      model.window = kWindow;
      model.fusion_hidden = {16};
      options.config.training.epochs = 3;
      options.config.training.decoder_epochs = 2;
      options.config.training.threads = 1;
      options.config.training.seed = 1 + which;
      ATTUNE_RETURN_IF_ERROR(TrainModel(*database, options).status());
    }
  }
  ATTUNE_ASSIGN_OR_RETURN(auto engine, shop->Open());
  ATTUNE_RETURN_IF_ERROR(engine->ReloadModel(shop->model(0)));
  return shop;
}

TrainedShop::~TrainedShop() {
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace attune
