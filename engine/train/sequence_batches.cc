#include "engine/train/sequence_batches.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "base/rng.h"
#include "engine/train/random_stream.h"

namespace attune {
namespace {

// Pieces of a user's training sequence of at most window + 1 events; a later
// piece repeats a quarter of a window as context and counts only what is new.
void CutSequence(int32_t user, std::span<const Interaction> events,
                 int64_t window, int64_t least,
                 std::vector<TrainingSequence>& pieces) {
  const int64_t count = static_cast<int64_t>(events.size());
  const int64_t most = window + 1;
  if (count < least) return;
  if (count <= most) {
    pieces.push_back({user, events, 0});
    return;
  }
  const int64_t step = std::max<int64_t>(window * 3 / 4, 1);
  int64_t counted = 0;  // rows whose target was in an earlier piece
  for (int64_t begin = 0;; begin += step) {
    const int64_t end = std::min(begin + most, count);
    pieces.push_back(
        {user, events.subspan(begin, end - begin), counted - begin});
    counted = end - 1;
    if (end == count) break;
  }
}

// Whether training may see an impression of the user.
bool HasImpressions(const Dataset& dataset, const Split& split, int32_t user) {
  const std::span<const Impression> shown = dataset.impressions(user);
  return !shown.empty() && shown.front().sort_key < split.training_limit(user);
}

}  // namespace

absl::StatusOr<SequenceBatches> SequenceBatches::Create(
    const Dataset& dataset, const Split& split, const ModelConfig& config,
    const TrainOptions& options) {
  SequenceBatches batches;
  batches.seed_ = options.seed;
  bool has_pair = false;
  for (int32_t user = 0; user < split.user_count(); ++user) {
    const std::span<const Interaction> events = split.training(user);
    const size_t before = batches.pieces_.size();
    CutSequence(user, events, config.window, 2, batches.pieces_);
    has_pair |= batches.pieces_.size() > before;
    const TrainingSequence start{
        user, events.first(std::min<size_t>(events.size(), 1)), 0, true};
    if (!events.empty()) batches.pieces_.push_back(start);
    // Impressions may follow a single event, or none. One row less, for
    // AddLast.
    if (config.tasks.size() == 1) continue;
    CutSequence(user, events, config.window - 1, 1, batches.decoder_pieces_);
    if (!events.empty() || HasImpressions(dataset, split, user)) {
      batches.decoder_pieces_.push_back(start);
    }
  }
  if (!has_pair) {
    return absl::FailedPreconditionError(
        "no user has two events to train on: ingest more events");
  }
  int64_t of_match = options.batch_tokens;
  if (of_match == 0) {
    int64_t rows = 0;
    for (const TrainingSequence& piece : batches.pieces_) rows += piece.rows();
    of_match = std::clamp<int64_t>(rows / 48, 256, 2048);
  }
  const int64_t of_decoder = options.decoder_batch_tokens > 0
                                 ? options.decoder_batch_tokens
                                 : std::max<int64_t>(of_match / 4, 1);
  batches.rows_per_batch_ = {of_match, of_decoder};
  for (const int stage : {0, 1}) {
    batches.steps_per_epoch_[stage] =
        static_cast<int64_t>(batches.Epoch(stage, 0).size());
  }
  return batches;
}

std::vector<SequenceBatches::Batch> SequenceBatches::Epoch(int stage,
                                                           int epoch) const {
  const std::vector<TrainingSequence>& all =
      stage == 1 && !decoder_pieces_.empty() ? decoder_pieces_ : pieces_;
  std::vector<int32_t> order(all.size());
  std::iota(order.begin(), order.end(), 0);
  Rng rng(StreamSeed(seed_, stage, epoch, RandomUse::kBatches));
  for (size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[rng.Below(i)]);
  }
  std::vector<Batch> batches(1);
  int64_t rows = 0;
  for (int32_t index : order) {
    const int64_t length = std::max<int64_t>(all[index].rows(), 1);
    if (rows > 0 && rows + length > rows_per_batch_[stage]) {
      batches.emplace_back();
      rows = 0;
    }
    batches.back().push_back(all[index]);
    rows += length;
  }
  return batches;
}

}  // namespace attune
