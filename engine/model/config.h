#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace attune {

/// Which parts of the fusion network add to the match term in the final score.
/// Chosen on validation: a part that does not help is off.
enum class FusionMode { kNone, kFeatures, kFull };

/// Shape of a model, as `config.json` in its directory says it. Everything that
/// a request's arithmetic depends on is here or in the weights.
struct ModelConfig {
  int width = 64;  ///< D of item vectors and all blocks
  int heads = 4;
  int encoder_blocks = 2;
  int decoder_blocks = 1;
  int feed_forward = 256;  ///< hidden width of the blocks
  int window = 200;        ///< T: most events that are encoded
  int relative_positions = 64;
  int time_buckets = 64;  ///< of the attention's time bias; used when use_time
  int gap_buckets = 32;   ///< of the embedding of the time to the next event
  int text_heads = 4;
  int text_buckets = 16384;      ///< rows of the n-gram table
  int attribute_buckets = 8192;  ///< rows of the "field=value" table
  std::vector<int> fusion_hidden = {128, 64};
  float temperature = 0.05f;  ///< match = cosine / temperature

  /// True when every event of the training data had a time. False: time biases,
  /// gaps and clock features are masked.
  bool use_time = true;
  std::vector<std::string> actions;  ///< of the history; index 0 = any other
  /// tasks[0] is "next": the next positive event. Others are impressions'
  /// results (click, buy, …).
  std::vector<std::string> tasks = {"next"};
  std::string value_formula = "logit_next";

  FusionMode fusion_mode = FusionMode::kFull;
  float fusion_weight = 1.0f;  ///< of fusion["next"] in the final score

  std::string precision = "f32";

  int dense_width = 0;  ///< of the features per candidate
  /// Of the pipeline's features, in their order, as the trainer's build had
  /// them: another build may compute others. Empty in models of before.
  std::vector<std::string> dense_names;
  int user_buckets = 1024;
  /// Of a request's context: rows of the "column=value" table, and whether it
  /// may hold a text; 0 and false: the model takes none.
  int context_buckets = 0;
  bool context_text = false;
  int64_t item_count = 0;  ///< rows of the id table

  int64_t anchor_step() const { return window / 4 > 0 ? window / 4 : 1; }
  /// First event of the window of a history of n events: 0 if n <= T, else
  /// S·ceil((n - T) / S), S = T / 4. A function of the count alone, so that
  /// warm, cold, every process and training agree.
  int64_t Anchor(int64_t n) const;

  std::string ToJson() const;
  /// InvalidArgument naming an unknown, missing or ill-typed key or a value
  /// out of range.
  static absl::StatusOr<ModelConfig> FromJson(std::string_view text,
                                              std::string_view file);
  /// The same of an object that was parsed already; messages begin with
  /// `where` ("config.json: model.").
  static absl::StatusOr<ModelConfig> FromObject(
      const nlohmann::ordered_json& json, std::string_view where);
  absl::Status Validate() const;
};

}  // namespace attune
