#include "engine/train/sequence_batches.h"

#include <algorithm>
#include <limits>
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

constexpr int64_t kEverything = std::numeric_limits<int64_t>::min();

template <typename Row>
const Row* FirstSince(std::span<const Row> rows, int64_t since) {
  const auto at = std::lower_bound(
      rows.begin(), rows.end(), since,
      [](const Row& row, int64_t key) { return row.sort_key < key; });
  return rows.data() + (at - rows.begin());
}

// Whether training may see an impression of the user that is not older.
bool HasImpressions(const Dataset& dataset, const Split& split, int32_t user,
                    int64_t since) {
  const std::span<const Impression> shown = dataset.impressions(user);
  const Impression* const first = FirstSince(shown, since);
  return first != shown.data() + shown.size() &&
         first->sort_key < split.training_limit(user);
}

// Leaves out the pieces from `begin` on that have no target since then, and
// the older targets of the others. The last one stays where training may see
// what was `shown` behind its last event.
void KeepSince(int64_t since, bool shown, size_t begin,
               std::vector<TrainingSequence>& pieces) {
  if (since == kEverything) return;
  size_t kept = begin;
  for (size_t p = begin; p < pieces.size(); ++p) {
    TrainingSequence piece = pieces[p];
    const std::span<const Interaction> targets = piece.events.subspan(1);
    const int64_t older = FirstSince(targets, since) - targets.data();
    piece.loss_begin = std::max(piece.loss_begin, older);
    const bool last = p + 1 == pieces.size();
    if (older < piece.rows() || (last && shown)) pieces[kept++] = piece;
  }
  pieces.resize(kept);
}

}  // namespace

absl::StatusOr<SequenceBatches> SequenceBatches::Create(
    const Dataset& dataset, const Split& split, const ModelConfig& config,
    const TrainOptions& options, int64_t since) {
  SequenceBatches batches;
  batches.seed_ = options.seed;
  bool has_pair = false;
  for (int32_t user = 0; user < split.user_count(); ++user) {
    const std::span<const Interaction> events = split.training(user);
    const size_t before = batches.pieces_.size();
    CutSequence(user, events, config.window, 2, batches.pieces_);
    KeepSince(since, false, before, batches.pieces_);
    has_pair |= batches.pieces_.size() > before;
    const TrainingSequence start{
        user, events.first(std::min<size_t>(events.size(), 1)), 0, true};
    const bool starts = !events.empty() && events.front().sort_key >= since;
    if (starts) batches.pieces_.push_back(start);
    // Impressions may follow a single event, or none. One row less, for
    // AddLast.
    if (config.tasks.size() == 1) continue;
    const size_t decoder_before = batches.decoder_pieces_.size();
    const bool shown = HasImpressions(dataset, split, user, since);
    CutSequence(user, events, config.window - 1, 1, batches.decoder_pieces_);
    KeepSince(since, shown, decoder_before, batches.decoder_pieces_);
    if (starts || (events.empty() && shown)) {
      batches.decoder_pieces_.push_back(start);
    }
  }
  if (!has_pair) {
    return absl::FailedPreconditionError(
        since == kEverything
            ? "no user has two events to train on: ingest more events"
            : "training may see no event since the given time");
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
