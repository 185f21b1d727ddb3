#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "engine/model/config.h"

namespace attune {

/// How a model is trained; `training` in a configuration file. Types and ranges
/// stand in options.cc.
struct TrainOptions {
  int epochs = 60;   ///< at most, of the match stage
  int patience = 8;  ///< epochs without a better validation NDCG@10
  /// History rows per step; 0: a 48th of the training rows, 256 … 2048, so that
  /// a small data set still gets enough steps.
  int batch_tokens = 0;
  float learning_rate = 2e-3f;
  int warmup_steps = 100;
  float final_rate = 0.1f;  ///< where the cosine ends, as a share of the rate
  float weight_decay = 0.01f;
  float dropout = 0.3f;
  float id_dropout = 0.1f;  ///< items that a step sees by text alone
  float event_dropout =
      0.1f;  ///< history events whose item a step does not see
  /// Rows that a step asks for the event after the next one instead: the order
  /// of events logged together says little.
  float target_skip = 0;
  /// Validation and the result use an exponential moving average of the weights
  /// with this decay per step; 0: the weights themselves.
  float average_decay = 0.995f;
  bool exclude_seen = false;  ///< the loss leaves the row's history out
  float gradient_clip = 5.0f;
  int min_positives = 5;  ///< users with fewer are not evaluated
  /// Catalogues above this size train against sampled negatives.
  int full_softmax_items = 20000;
  int sampled_negatives = 4096;

  /// Rows of the text table, for the most frequent tokens: most of a small
  /// model's parameters, and each is touched by the optimiser at every step.
  int text_rows = 16384;
  int neighbours = 100;  ///< entries of an item's row in the neighbour tables
  /// Events behind an event that count as its followers: one at lag L counts
  /// exp(-L / transition_decay).
  int transition_window = 10;
  float transition_decay = 4;

  int decoder_epochs = 12;  ///< at most, of the decoder stage; 0: no stage
  /// History rows per step of the decoder stage; 0: a quarter of the match
  /// stage's. A row costs it far more, and its few weights want many steps.
  int decoder_batch_tokens = 0;
  int decoder_patience = 3;
  float decoder_learning_rate = 1e-3f;
  float decoder_dropout = 0.1f;
  /// Of the frozen encoder, so that its match term is as unsure in training as
  /// with new users.
  float decoder_match_dropout = 0.3f;
  /// Groups of the decoder stage that do not see the user's record: visitors of
  /// whom nothing is known ask, too.
  float user_dropout = 0.1f;
  /// Groups that do not see the moment's context, as requests without any.
  float context_dropout = 0.1f;
  /// Candidates of the decoder stage that look as an item does which nobody has
  /// touched yet: no id, no counters, no neighbours.
  float new_item_dropout = 0.1f;
  /// Of the impressions' loss beside that of the next item, in the decoder
  /// stage.
  float impression_weight = 1.0f;
  int decoder_positions = 4;  ///< targets per sequence and epoch
  /// Weight of targets that came at the very time of the event before them:
  /// lines of one basket. Below 1, the moment before a basket is asked for any
  /// of its lines. Negative: 0 under the protocol last-basket, where no request
  /// comes in the midst of one, else 1.
  float decoder_basket_weight = -1;
  int decoder_negatives = 31;
  int hard_pool = 200;  ///< the hardest of the match term, drawn from
  float fusion_z_dropout = 0.25f;  ///< trains the mode without decoder too

  /// Candidates that the full ranker sees, the match term's best; between
  /// epochs 256 of them, unless this is above the number of items.
  int rerank = 1000;
  uint64_t seed = 1;
  int threads = 0;  ///< 0: all cores

  std::string ToJson() const;
  /// InvalidArgument naming a key out of its range, its value and the range.
  absl::Status Validate() const;
};

/// A configuration file: {"model": {…}, "training": {…}}, both optional.
struct TrainConfig {
  ModelConfig model;
  TrainOptions training;
};

/// InvalidArgument naming file and key for keys that are unknown, repeated or
/// follow from the data, and for values of a wrong type or out of range, with
/// what is allowed.
absl::StatusOr<TrainConfig> ParseTrainConfig(std::string_view text,
                                             std::string_view file);

}  // namespace attune
