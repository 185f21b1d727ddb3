#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/train/dataset.h"
#include "engine/train/item_lists.h"

namespace attune {

/// How a log is cut into training, validation and test.
enum class Protocol {
  /// A user's last positive is the test target, the one before it the
  /// validation target, everything older is training. Other users' future is
  /// in the training part: comparable with the literature, optimistic.
  kLeaveOneOut,
  /// Two clock times T1 < T2: training is before T1, validation targets lie in
  /// [T1, T2), test targets from T2 on. What a service would have known.
  kTimeSplit,
  /// For logs whose events come in baskets (equal sort keys): the test history
  /// is all before the last basket with a new item, the target that basket's
  /// first new item; validation likewise with the basket before it, and
  /// training is all older. Leave-one-out would measure basket completion.
  kLastBasket,
  /// A tenth of the items, chosen by a hash of the id, is held out of training
  /// altogether: no event of theirs is in any sequence or counter. Targets are
  /// those of leave-one-out where they are such items: what can be said of an
  /// item that nobody has touched yet.
  kColdItems,
};

/// "leave-one-out", "time-split", "last-basket", "cold-items".
std::vector<std::string> ProtocolNames();
/// InvalidArgument for any other name.
absl::StatusOr<Protocol> ParseProtocol(std::string_view name);
std::string_view ProtocolName(Protocol protocol);

struct SplitOptions {
  Protocol protocol = Protocol::kLeaveOneOut;
  /// One event per item and user: a positive is dropped if the item was a
  /// positive before, a context event if the item occurred at all before. (So
  /// a purchase after a view of the same item stays.)
  bool distinct_items = true;
  /// Drop context events (Interaction::positive false) from the sequences.
  bool positives_only = false;
  /// Users with fewer positives than this are left out altogether (not by a
  /// time split; at least 3, so that the training part is not empty).
  int min_positives = 5;
  /// Users with fewer baskets are left out altogether (last-basket; >= 3).
  int min_baskets = 3;
  /// Keep the users whom the two limits above leave out for training (all of
  /// their events), instead of dropping them as the published tables do.
  bool train_on_short_users = false;
  /// Time split: the shares of the clock range that validation and test take
  /// at its end, or, if test_days > 0, that many days each.
  double validation_share = 0.1;
  double test_share = 0.1;
  int test_days = 0;
  /// Time split: which of a user's positives inside a window are targets. The
  /// first alone weighs users equally and needs no event after the cut.
  enum class Targets { kFirst, kEvery } targets = Targets::kFirst;
  /// Time split: a target needs at least this many positives before it.
  int min_prefix_positives = 1;
  /// Rank among the whole catalogue, items without any event too, instead of
  /// the items that occur in the sequences (as the published tables do).
  bool whole_catalogue = false;
};

/// A question to a ranker: given events [begin, end) of Split::events() and the
/// time of asking, at which rank is `target`?
struct EvalCase {
  int32_t user = 0;
  int32_t target = 0;  ///< item
  int64_t begin = 0;
  int64_t end = 0;
  int64_t time_ms = 0;  ///< the target's own time, known at request time
  bool has_time = false;
  int32_t context = -1;  ///< of the target, known at request time, too
};

/// Impressions [begin, end) of Dataset::impressions(user), to be scored as they
/// were shown.
struct ImpressionCase {
  int32_t user = 0;
  int64_t begin = 0;
  int64_t end = 0;
};

/// A Dataset cut by a protocol. Holds copies of the sequences (32 bytes an
/// event); the Dataset may go. Immutable and thread-safe.
class Split {
 public:
  /// InvalidArgument for options out of range. FailedPrecondition for a time
  /// split where clock times are unknown (naming how many) or span too little,
  /// and where no user is left to evaluate.
  static absl::StatusOr<Split> Create(const Dataset& dataset,
                                      const SplitOptions& options);

  const SplitOptions& options() const { return options_; }
  /// Indices are the Dataset's: all of its users and items, kept or not.
  int32_t user_count() const {
    return static_cast<int32_t>(train_ends_.size());
  }
  int32_t item_count() const { return item_count_; }
  /// Users and events that the protocol kept.
  int32_t kept_user_count() const { return kept_user_count_; }
  int64_t kept_event_count() const {
    return static_cast<int64_t>(events_.size());
  }

  /// The kept sequences, user after user, oldest first.
  std::span<const Interaction> events() const { return events_; }
  std::span<const Interaction> sequence(int32_t user) const {
    return events().subspan(offsets_[user],
                            offsets_[user + 1] - offsets_[user]);
  }
  /// The part of a user's sequence that training may see; may be empty.
  std::span<const Interaction> training(int32_t user) const {
    return events().subspan(offsets_[user], train_ends_[user] - offsets_[user]);
  }
  /// Training may use this user's impressions with a sort_key below this one.
  int64_t training_limit(int32_t user) const { return limits_[user]; }

  /// Whether the protocol keeps this item out of training (cold-items).
  bool held_out(int32_t item) const {
    return !held_out_.empty() && held_out_[item];
  }

  /// In the order of users.
  std::span<const EvalCase> validation() const { return validation_; }
  std::span<const EvalCase> test() const { return test_; }
  /// Time split only: the impressions shown in each window.
  std::span<const ImpressionCase> validation_impressions() const {
    return validation_impressions_;
  }
  std::span<const ImpressionCase> test_impressions() const {
    return test_impressions_;
  }

  /// Time split only: T1 and T2.
  int64_t validation_start_ms() const { return validation_start_ms_; }
  int64_t test_start_ms() const { return test_start_ms_; }

  std::span<const Interaction> prefix(const EvalCase& c) const {
    return events().subspan(c.begin, c.end - c.begin);
  }
  /// Distinct items with a positive in the prefix, oldest first: what "unseen"
  /// takes out of the ranking, and the profile of a neighbourhood model.
  /// Replaces the contents of `seen`.
  void SeenItems(const EvalCase& c, std::vector<int32_t>* seen) const;

  /// The items ranked against each other, ascending.
  std::span<const int32_t> candidates() const { return candidates_; }

  /// Distinct items of the positives in each user's training part, by user.
  ItemLists TrainingItems() const;

 private:
  Split() = default;
  absl::Status CutByTime(const Dataset& dataset);
  // Fill in one user's cut; false if the user is too short.
  bool CutUser(int32_t user);
  bool CutLastPositives(int32_t user);
  bool CutColdItems(int32_t user);
  bool CutLastBaskets(int32_t user);
  void CutUserByTime(const Dataset& dataset, int32_t user);
  // Indices of the two newest positives; none if the user has too few.
  struct Newest {
    int64_t last = 0, second_last = 0;
  };
  std::optional<Newest> NewestPositives(int32_t user) const;
  void AddCase(int32_t user, int64_t end, const Interaction& target,
               std::vector<EvalCase>* cases) const;

  SplitOptions options_;
  int32_t item_count_ = 0;
  int32_t kept_user_count_ = 0;
  std::vector<int64_t> offsets_ = {0};
  std::vector<Interaction> events_;
  std::vector<int64_t> train_ends_;  // indices into events_
  std::vector<int64_t> limits_;
  std::vector<bool> held_out_;  // by item; empty: none
  std::vector<bool> occurs_;    // by item, in the sequences or held out of them
  std::vector<EvalCase> validation_, test_;
  std::vector<ImpressionCase> validation_impressions_, test_impressions_;
  int64_t validation_start_ms_ = 0;
  int64_t test_start_ms_ = 0;
  std::vector<int32_t> candidates_;
};

}  // namespace attune
