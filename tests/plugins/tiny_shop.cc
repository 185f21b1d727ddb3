#include "tests/plugins/tiny_shop.h"

#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <utility>

#include "base/rng.h"
#include "base/status_macros.h"
#include "engine/train/train_model.h"
#include "proto/attune.pb.h"
#include "storage/database.h"

namespace attune {
namespace {

constexpr const char* kWords[3][4] = {{"river", "boat", "fish", "reed"},
                                      {"star", "moon", "comet", "orbit"},
                                      {"bread", "oven", "flour", "yeast"}};

absl::Status Check(int code, const char* what) {
  if (code == 0) return absl::OkStatus();
  return absl::InternalError(std::string(what) + " returned " +
                             std::to_string(code));
}

absl::StatusOr<attune_engine*> Open(const std::string& database) {
  const std::string json =
      R"({"create": true, "database": ")" + database + "\"}";
  attune_engine* engine = nullptr;
  char text[512] = "";
  attune_error error = {};
  error.struct_size = sizeof(error);
  error.message = text;
  error.message_capacity = sizeof(text);
  if (attune_open(json.data(), json.size(), nullptr, &engine, &error) != 0) {
    return absl::InternalError(text);
  }
  return engine;
}

absl::Status Fill(attune_engine* engine) {
  Rng rng(5);
  v1::PutItemsRequest items;
  for (int i = 0; i < TinyShop::kItems; ++i) {
    v1::Item* item = items.add_items();
    item->set_item_id(TinyShop::ItemId(i));
    std::string title = kWords[i % 3][rng.Below(4)];
    title = title + " and " + kWords[i % 3][rng.Below(4)];
    item->set_title(title);
    item->add_tags(kWords[i % 3][0]);
  }
  std::string bytes = items.SerializeAsString();
  ATTUNE_RETURN_IF_ERROR(
      Check(attune_put_items(engine, bytes.data(), bytes.size(), 0, nullptr),
            "attune_put_items"));
  v1::PutEventsRequest events;
  for (int u = 0; u < TinyShop::kUsers; ++u) {
    for (int e = 0; e < TinyShop::kEvents; ++e) {
      const int kind = rng.Bernoulli(0.8) ? u % 3 : e % 3;
      v1::Event* event = events.add_events();
      event->set_user_id(TinyShop::UserId(u));
      event->set_item_id(
          TinyShop::ItemId(static_cast<int>(rng.Below(20)) * 3 + kind));
      event->set_action("click");
      event->set_time_ms(TinyShop::kNowMs - (100 - e) * 3'600'000LL - u);
    }
  }
  bytes = events.SerializeAsString();
  return Check(
      attune_put_events(engine, bytes.data(), bytes.size(), 0, nullptr),
      "attune_put_events");
}

absl::Status Train(const std::string& database, const std::string& model) {
  storage::OpenOptions open;
  open.path = database;
  ATTUNE_ASSIGN_OR_RETURN(auto store, storage::Database::Open(open));
  TrainModelOptions options;
  options.output = model;
  options.config.model.width = 16;
  options.config.model.heads = 2;
  options.config.model.feed_forward = 32;
  options.config.model.window = 16;
  options.config.model.text_buckets = 512;
  options.config.model.attribute_buckets = 256;
  options.config.model.fusion_hidden = {16};
  options.config.training.epochs = 2;
  options.config.training.decoder_epochs = 1;
  options.config.training.threads = 1;
  return TrainModel(*store, options).status();
}

}  // namespace

std::string ClickBytes(const std::string& user_id, const std::string& item_id,
                       int64_t time_ms) {
  v1::PutEventsRequest request;
  v1::Event* event = request.add_events();
  event->set_user_id(user_id);
  event->set_item_id(item_id);
  event->set_action("click");
  event->set_time_ms(time_ms);
  return request.SerializeAsString();
}

absl::StatusOr<TinyShop> TinyShop::Create() {
  std::string pattern =
      (std::filesystem::temp_directory_path() / "attune_plugin_XXXXXX")
          .string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    return absl::InternalError("mkdtemp " + pattern);
  }
  TinyShop shop(pattern);
  ATTUNE_ASSIGN_OR_RETURN(attune_engine * engine, Open(shop.database()));
  absl::Status filled = Fill(engine);
  ATTUNE_RETURN_IF_ERROR(Check(attune_close(engine, nullptr), "attune_close"));
  ATTUNE_RETURN_IF_ERROR(filled);
  ATTUNE_RETURN_IF_ERROR(Train(shop.database(), shop.model()));
  ATTUNE_ASSIGN_OR_RETURN(engine, Open(shop.database()));
  const std::string model = shop.model();
  char text[512] = "";
  attune_error error = {};
  error.struct_size = sizeof(error);
  error.message = text;
  error.message_capacity = sizeof(text);
  const int code =
      attune_reload_model(engine, model.data(), model.size(), &error);
  ATTUNE_RETURN_IF_ERROR(Check(attune_close(engine, nullptr), "attune_close"));
  if (code != 0) return absl::InternalError(text);
  return shop;
}

TinyShop::TinyShop(TinyShop&& other) noexcept
    : directory_(std::exchange(other.directory_, "")) {}

TinyShop::~TinyShop() {
  if (directory_.empty()) return;
  std::error_code ignored;
  std::filesystem::remove_all(directory_, ignored);
}

}  // namespace attune
