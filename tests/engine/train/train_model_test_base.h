#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/rng.h"
#include "base/strings.h"
#include "engine/train/train_model.h"
#include "storage/database.h"
#include "storage/write_group.h"
#include "tests/temporary_directory.h"

namespace attune {

/// A small log in a database of its own, and options that train on it within a
/// moment.
class TrainModelTest : public ::testing::Test {
 protected:
  void SetUp() override {
    storage::OpenOptions options;
    options.path = directory_ + "/db";
    options.create_if_missing = true;
    auto database = storage::Database::Open(options);
    ASSERT_TRUE(database.ok()) << database.status();
    database_ = std::move(*database);
    Fill(0, 8);
  }

  /// Events [begin, end) of 30 users of two tastes among 20 items, an hour
  /// apart, nothing twice.
  void Fill(int begin, int end) {
    storage::WriteGroup group;
    Rng rng(7);
    for (int user = 0; user < 30; ++user) {
      for (int i = begin; i < end; ++i) {
        v1::Event event;
        event.set_user_id(StrCat("u", user));
        event.set_item_id(StrCat("i", (user + i * 3 + rng.Below(3)) % 20));
        event.set_action("click");
        event.set_time_ms(TimeMs(i) + user * 1000);
        const storage::HistoryEntry entry{event.action()};
        ASSERT_TRUE(group.AppendEvent(event, &entry, {}).ok());
      }
    }
    ASSERT_TRUE(database_->Write(std::move(group)).ok());
  }

  static int64_t TimeMs(int event) {
    return 1'600'000'000'000 + event * int64_t{3'600'000};
  }

  TrainModelOptions Options(const std::string& name) const {
    TrainModelOptions options;
    options.output = directory_ + "/" + name;
    ModelConfig& model = options.config.model;
    model.width = 8;
    model.heads = 2;
    model.encoder_blocks = 1;
    model.feed_forward = 16;
    model.window = 8;
    model.text_heads = 1;
    model.fusion_hidden = {8};
    TrainOptions& training = options.config.training;
    training.epochs = 4;
    training.decoder_epochs = 3;
    training.batch_tokens = 32;
    training.event_dropout = 0.1f;
    training.target_skip = 0.2f;
    training.average_decay = 0.9f;
    training.exclude_seen = true;
    training.decoder_match_dropout = 0.1f;
    training.threads = 2;
    return options;
  }

  std::string Version(const TrainModelOptions& options) {
    auto result = TrainModel(*database_, options);
    EXPECT_TRUE(result.ok()) << result.status();
    return result.ok() ? result->version : "";
  }

  TemporaryDirectory temporary_;
  const std::string directory_ = temporary_.path();
  std::unique_ptr<storage::Database> database_;
};

}  // namespace attune
