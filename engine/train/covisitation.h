#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "base/parallel.h"
#include "engine/train/item_lists.h"
#include "engine/train/neighbour_table.h"

namespace attune {

struct CovisitationOptions {
  int neighbours = 50;         ///< most entries of a row
  int transition_window = 5;   ///< positions after an event that count
  float transition_decay = 1;  ///< lag L counts exp(-L / decay)
  /// Only a user's newest events count, as pairs grow with the square of the
  /// length; 0: all.
  int max_sequence = 2000;
};

/// Which items the training sequences show together, in two tables of each
/// item's strongest neighbours, strongest first, ties by item:
///   cooccurrence(i, j) = users of both / sqrt(users_i · users_j)
///   transition(i, j)   = w_ij / sqrt(out_i · in_j), w_ij = Σ exp(-lag / decay)
/// over the places where j follows i within the window (repeats count), out_i
/// and in_j the sums of w over all j, all i ≠ j (after SLIST, Choi et al.
/// 2021).
///
/// A feature made of them would tell a training example its own answer: the
/// target is in the counts. OwnUser takes the asking user out again. Immutable
/// and thread-safe.
class Covisitation {
 public:
  /// sequences: items of each user, oldest first; repeats allowed. The tables
  /// do not depend on the number of threads. InvalidArgument for options that
  /// are not positive (max_sequence: negative).
  static absl::StatusOr<Covisitation> Build(const ItemLists& sequences,
                                            int32_t item_count,
                                            const CovisitationOptions& options,
                                            ThreadPool& pool);

  const NeighbourTable& cooccurrences() const { return cooccurrences_; }
  const NeighbourTable& transitions() const { return transitions_; }
  int32_t item_count() const { return cooccurrences_.rows(); }

  /// The tables as if one user had not been counted. A weight is exact (to
  /// float rounding) for every entry of the tables. Membership: an entry that
  /// falls below the first one which its row dropped becomes 0, as the row
  /// would have dropped it; an entry that would have moved up into the row
  /// stays out. Not thread-safe: one per thread, 4 bytes per item, kept between
  /// users.
  class OwnUser {
   public:
    /// `table` must outlive this.
    explicit OwnUser(const Covisitation& table);

    /// `sequence` is the user's row as Build had it, or empty for a user who
    /// was not counted. Costs O(length · window).
    void Set(std::span<const int32_t> sequence);

    /// `neighbour` is an entry of cooccurrences().row(item).
    float Cooccurrence(int32_t item, const Neighbour& neighbour) const;
    /// `neighbour` is an entry of transitions().row(item).
    float Transition(int32_t item, const Neighbour& neighbour) const;

   private:
    struct Place {
      int32_t item = 0;
      int32_t first = 0, count = 0;  // of positions_
      double out = 0, in = 0;        // this user's share of the totals
    };
    const Place* Find(int32_t item) const;
    float CooccurrenceWithout(int32_t item, const Neighbour& entry) const;
    float TransitionWithout(int32_t item, const Neighbour& entry) const;

    const Covisitation& table_;
    std::vector<int32_t> place_of_;  // [items], -1: not in the sequence
    std::vector<Place> places_;
    std::vector<int32_t> positions_;  // grouped by place, ascending
    std::vector<int32_t> sequence_;
  };

 private:
  Covisitation() = default;

  // The sequence's counted part.
  std::span<const int32_t> Counted(std::span<const int32_t> sequence) const;
  void BuildCooccurrences(const ItemLists& sequences, int32_t item_count,
                          ThreadPool& pool);
  void BuildTransitions(const ItemLists& sequences, int32_t item_count,
                        ThreadPool& pool);

  CovisitationOptions options_;
  std::vector<float> lag_weights_;  // [window], of lag 1, 2, …
  NeighbourTable cooccurrences_, transitions_;
  // The strongest entry that each row dropped; weight 0 if none.
  std::vector<Neighbour> cooccurrence_cuts_, transition_cuts_;
  std::vector<int32_t> users_;  // [items]
  std::vector<double> out_, in_;
};

}  // namespace attune
