#include "engine/train/active_items.h"

#include <cmath>

#include "base/rng.h"

namespace attune {

ActiveItems::ActiveItems(const Split& split, const TrainOptions& options)
    : split_(split) {
  index_.assign(split.item_count(), -1);
  training_counts_.assign(split.item_count(), 0);
  for (int32_t user = 0; user < split.user_count(); ++user) {
    for (const Interaction& event : split.training(user)) {
      ++training_counts_[event.item];
    }
  }
  for (int32_t item = 0; item < split.item_count(); ++item) {
    if (training_counts_[item] > 0) known_.push_back(item);
  }
  if (static_cast<int64_t>(known_.size()) > options.full_softmax_items) {
    sampled_negatives_ = options.sampled_negatives;
    return;
  }
  for (const int32_t item : known_) Activate(item);
}

void ActiveItems::Activate(int32_t item) {
  if (index_[item] >= 0) return;
  index_[item] = static_cast<int32_t>(list_.size());
  list_.push_back(item);
}

bool ActiveItems::Choose(std::span<const TrainingSequence> batch,
                         uint64_t seed) {
  if (sampled_negatives_ == 0) return false;
  for (int32_t item : list_) index_[item] = -1;
  list_.clear();
  class_bias_.clear();
  int64_t tokens = 0;
  for (const TrainingSequence& piece : batch) {
    for (const Interaction& event : piece.events) Activate(event.item);
    tokens += static_cast<int64_t>(piece.events.size());
  }
  Rng rng(seed);
  const int64_t count = static_cast<int64_t>(known_.size());
  for (int i = 0; i < sampled_negatives_; ++i) {
    Activate(known_[rng.Below(count)]);
  }
  // logQ correction (Bengio and Senécal 2008): -log of the chance to be active,
  // as a uniform negative or as an item of the batch.
  const double events = static_cast<double>(split_.kept_event_count());
  const double uniform =
      static_cast<double>(sampled_negatives_) / static_cast<double>(count);
  for (int32_t item : list_) {
    const double expected =
        uniform + static_cast<double>(tokens) *
                      static_cast<double>(training_counts_[item]) / events;
    class_bias_.push_back(
        static_cast<float>(-std::log(1.0 - std::exp(-expected))));
  }
  return true;
}

}  // namespace attune
