#include "engine/train/covisitation.h"

#include <algorithm>
#include <cmath>

#include "base/strings.h"
#include "engine/train/cooccurrence.h"

namespace attune {
namespace {

bool IsStronger(const Neighbour& a, const Neighbour& b) {
  return a.weight != b.weight ? a.weight > b.weight : a.item < b.item;
}

// Sorts and cuts a row and passes it on; returns the first that was dropped.
Neighbour EmitStrongest(std::vector<Neighbour>* row, size_t keep,
                        NeighbourTable::RowSink* sink) {
  Neighbour dropped;
  if (row->size() > keep) {
    std::nth_element(row->begin(), row->begin() + keep, row->end(), IsStronger);
    dropped = (*row)[keep];
    row->resize(keep);
  }
  std::sort(row->begin(), row->end(), IsStronger);
  for (const Neighbour& entry : *row) sink->Add(entry.item, entry.weight);
  sink->EndRow();
  return dropped;
}

}  // namespace

absl::StatusOr<Covisitation> Covisitation::Build(
    const ItemLists& sequences, int32_t item_count,
    const CovisitationOptions& options, ThreadPool& pool) {
  if (options.neighbours < 1 || options.transition_window < 1 ||
      !(options.transition_decay > 0) || options.max_sequence < 0) {
    return absl::InvalidArgumentError(
        StrCat("covisitation with ", options.neighbours, " neighbours, window ",
               options.transition_window, ", decay ", options.transition_decay,
               ", max_sequence ", options.max_sequence,
               ": all must be positive, the last may be 0"));
  }
  Covisitation table;
  table.options_ = options;
  for (int lag = 1; lag <= options.transition_window; ++lag) {
    table.lag_weights_.push_back(
        std::exp(-static_cast<float>(lag) / options.transition_decay));
  }
  // Sums of weights that vanish in float would look like absent pairs.
  if (table.lag_weights_.back() < 1e-30f) {
    return absl::InvalidArgumentError(
        StrCat("covisitation: transition_decay ", options.transition_decay,
               " is too small for a window of ", options.transition_window));
  }
  ItemLists counted;
  for (int32_t user = 0; user < sequences.rows(); ++user) {
    const auto part = table.Counted(sequences.row(user));
    counted.items.insert(counted.items.end(), part.begin(), part.end());
    counted.EndRow();
  }
  table.BuildCooccurrences(counted, item_count, pool);
  table.BuildTransitions(counted, item_count, pool);
  return table;
}

std::span<const int32_t> Covisitation::Counted(
    std::span<const int32_t> sequence) const {
  const size_t limit = static_cast<size_t>(options_.max_sequence);
  if (limit == 0 || sequence.size() <= limit) return sequence;
  return sequence.last(limit);
}

void Covisitation::BuildCooccurrences(const ItemLists& sequences,
                                      int32_t item_count, ThreadPool& pool) {
  const ItemLists distinct = DistinctItems(sequences, item_count);
  const CooccurrenceCounter counter(distinct, item_count);
  users_.resize(item_count);
  for (int32_t item = 0; item < item_count; ++item) {
    users_[item] = counter.users(item);
  }
  cooccurrence_cuts_.resize(item_count);
  cooccurrences_ = NeighbourTable::Build(
      item_count, pool,
      [&](int32_t begin, int32_t end, NeighbourTable::RowSink& sink) {
        CooccurrenceCounter::Scratch scratch;
        std::vector<Neighbour> row;
        for (int32_t item = begin; item < end; ++item) {
          row.clear();
          for (const auto& count : counter.Row(item, &scratch)) {
            const double users =
                static_cast<double>(users_[item]) * users_[count.item];
            row.push_back({count.item,
                           static_cast<float>(count.users / std::sqrt(users))});
          }
          cooccurrence_cuts_[item] =
              EmitStrongest(&row, options_.neighbours, &sink);
        }
      });
}

void Covisitation::BuildTransitions(const ItemLists& sequences,
                                    int32_t item_count, ThreadPool& pool) {
  const int64_t events = static_cast<int64_t>(sequences.items.size());
  // Where each event's window ends, and where each item occurs.
  std::vector<int64_t> window_end(events);
  std::vector<int64_t> place_offsets(item_count + 1, 0), places(events);
  out_.assign(item_count, 0);
  in_.assign(item_count, 0);
  for (int32_t user = 0; user < sequences.rows(); ++user) {
    const int64_t row_end = sequences.offsets[user + 1];
    for (int64_t p = sequences.offsets[user]; p < row_end; ++p) {
      const int32_t item = sequences.items[p];
      window_end[p] = std::min(row_end, p + 1 + options_.transition_window);
      ++place_offsets[item + 1];
      for (int64_t q = p + 1; q < window_end[p]; ++q) {
        const int32_t next = sequences.items[q];
        if (next == item) continue;
        out_[item] += lag_weights_[q - p - 1];
        in_[next] += lag_weights_[q - p - 1];
      }
    }
  }
  for (int32_t i = 0; i < item_count; ++i) {
    place_offsets[i + 1] += place_offsets[i];
  }
  std::vector<int64_t> fill(place_offsets.begin(), place_offsets.end() - 1);
  for (int64_t p = 0; p < events; ++p) places[fill[sequences.items[p]]++] = p;

  transition_cuts_.resize(item_count);
  transitions_ = NeighbourTable::Build(
      item_count, pool,
      [&](int32_t begin, int32_t end, NeighbourTable::RowSink& sink) {
        std::vector<double> sums(item_count, 0);
        std::vector<int32_t> touched;
        std::vector<Neighbour> row;
        for (int32_t item = begin; item < end; ++item) {
          touched.clear();
          for (int64_t k = place_offsets[item]; k < place_offsets[item + 1];
               ++k) {
            const int64_t p = places[k];
            for (int64_t q = p + 1; q < window_end[p]; ++q) {
              const int32_t next = sequences.items[q];
              if (next == item) continue;
              if (sums[next] == 0) touched.push_back(next);
              sums[next] += lag_weights_[q - p - 1];
            }
          }
          row.clear();
          for (int32_t next : touched) {
            row.push_back(
                {next, static_cast<float>(sums[next] /
                                          std::sqrt(out_[item] * in_[next]))});
            sums[next] = 0;
          }
          transition_cuts_[item] =
              EmitStrongest(&row, options_.neighbours, &sink);
        }
      });
}

Covisitation::OwnUser::OwnUser(const Covisitation& table)
    : table_(table), place_of_(table.item_count(), -1) {}

void Covisitation::OwnUser::Set(std::span<const int32_t> sequence) {
  for (const Place& place : places_) place_of_[place.item] = -1;
  places_.clear();
  const auto counted = table_.Counted(sequence);
  sequence_.assign(counted.begin(), counted.end());
  const int32_t length = static_cast<int32_t>(sequence_.size());
  for (int32_t item : sequence_) {
    if (place_of_[item] < 0) {
      place_of_[item] = static_cast<int32_t>(places_.size());
      places_.push_back({.item = item});
    }
    ++places_[place_of_[item]].count;
  }
  int32_t first = 0;
  for (Place& place : places_) {
    place.first = first;
    first += place.count;
    place.count = 0;  // counted again while the positions are filled in
  }
  positions_.resize(sequence_.size());
  for (int32_t p = 0; p < length; ++p) {
    Place& place = places_[place_of_[sequence_[p]]];
    positions_[place.first + place.count++] = p;
    const int32_t window_end =
        std::min(length, p + 1 + table_.options_.transition_window);
    for (int32_t q = p + 1; q < window_end; ++q) {
      if (sequence_[q] == sequence_[p]) continue;
      place.out += table_.lag_weights_[q - p - 1];
      places_[place_of_[sequence_[q]]].in += table_.lag_weights_[q - p - 1];
    }
  }
}

const Covisitation::OwnUser::Place* Covisitation::OwnUser::Find(
    int32_t item) const {
  return place_of_[item] < 0 ? nullptr : &places_[place_of_[item]];
}

float Covisitation::OwnUser::CooccurrenceWithout(int32_t item,
                                                 const Neighbour& entry) const {
  const bool has_item = Find(item) != nullptr;
  const bool has_other = Find(entry.item) != nullptr;
  if (!has_item && !has_other) return entry.weight;
  const double users_item = table_.users_[item];
  const double users_other = table_.users_[entry.item];
  // The weight is a float of a whole number over this root: rounding gives the
  // number back, up to millions of users.
  const double both =
      std::round(entry.weight * std::sqrt(users_item * users_other));
  const double left = both - (has_item && has_other);
  if (left <= 0) return 0;
  return static_cast<float>(
      left / std::sqrt((users_item - has_item) * (users_other - has_other)));
}

float Covisitation::OwnUser::TransitionWithout(int32_t item,
                                               const Neighbour& entry) const {
  const Place* place = Find(item);
  const Place* other = Find(entry.item);
  if (place == nullptr && other == nullptr) return entry.weight;
  const double out = table_.out_[item], in = table_.in_[entry.item];
  const double whole = entry.weight * std::sqrt(out * in);
  double own = 0;
  if (place != nullptr && other != nullptr) {
    for (int32_t k = 0; k < place->count; ++k) {
      const int32_t p = positions_[place->first + k];
      const int32_t window_end =
          std::min(static_cast<int32_t>(sequence_.size()),
                   p + 1 + table_.options_.transition_window);
      for (int32_t q = p + 1; q < window_end; ++q) {
        if (sequence_[q] == entry.item) own += table_.lag_weights_[q - p - 1];
      }
    }
  }
  // The table holds floats: what is left below their rounding is nothing.
  const double left = whole - own;
  if (left <= 1e-6 * whole) return 0;
  const double left_out = out - (place == nullptr ? 0 : place->out);
  const double left_in = in - (other == nullptr ? 0 : other->in);
  return static_cast<float>(left / std::sqrt(left_out * left_in));
}

float Covisitation::OwnUser::Cooccurrence(int32_t item,
                                          const Neighbour& neighbour) const {
  const float weight = CooccurrenceWithout(item, neighbour);
  const Neighbour& cut = table_.cooccurrence_cuts_[item];
  if (weight == neighbour.weight || cut.weight == 0) return weight;
  return weight < CooccurrenceWithout(item, cut) ? 0 : weight;
}

float Covisitation::OwnUser::Transition(int32_t item,
                                        const Neighbour& neighbour) const {
  const float weight = TransitionWithout(item, neighbour);
  const Neighbour& cut = table_.transition_cuts_[item];
  if (weight == neighbour.weight || cut.weight == 0) return weight;
  return weight < TransitionWithout(item, cut) ? 0 : weight;
}

}  // namespace attune
