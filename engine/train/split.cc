#include "engine/train/split.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "features/hash.h"

namespace attune {
namespace {

constexpr int64_t kDayMs = 86'400'000;
constexpr Protocol kProtocols[] = {Protocol::kLeaveOneOut, Protocol::kTimeSplit,
                                   Protocol::kLastBasket, Protocol::kColdItems};
/// One in so many items is held out by cold-items.
constexpr uint64_t kColdItemsOneIn = 10;
constexpr uint64_t kColdItemsSeed = 0x636f6c64;  // "cold"

absl::Status CheckOptions(const SplitOptions& options) {
  if ((options.protocol == Protocol::kLeaveOneOut ||
       options.protocol == Protocol::kColdItems) &&
      options.min_positives < 3) {
    return absl::InvalidArgumentError(
        StrCat(ProtocolName(options.protocol), " with min_positives ",
               options.min_positives,
               ", needs at least 3: training, validation and test"));
  }
  if (options.protocol == Protocol::kLastBasket && options.min_baskets < 3) {
    return absl::InvalidArgumentError(
        StrCat("last-basket with min_baskets ", options.min_baskets,
               ", needs at least 3: training, validation and test"));
  }
  if (options.protocol != Protocol::kTimeSplit) return absl::OkStatus();
  const double validation = options.validation_share;
  const double test = options.test_share;
  if (options.test_days < 0 ||
      (options.test_days == 0 &&
       !(validation > 0 && test > 0 && validation + test < 1))) {
    return absl::InvalidArgumentError(StrCat(
        "time-split with validation_share ", validation, ", test_share ", test,
        ", test_days ", options.test_days,
        ": shares must be positive with a sum below 1, days not negative"));
  }
  return absl::OkStatus();
}

// Appends what the options keep of one user's history; `seen` is scratch.
void AppendSequence(std::span<const Interaction> history,
                    const SplitOptions& options,
                    absl::flat_hash_set<int32_t>* seen_positive,
                    absl::flat_hash_set<int32_t>* seen,
                    std::vector<Interaction>* events) {
  seen_positive->clear();
  seen->clear();
  for (const Interaction& event : history) {
    if (options.positives_only && !event.positive) continue;
    if (options.distinct_items) {
      const bool is_new = event.positive
                              ? seen_positive->insert(event.item).second
                              : !seen->contains(event.item);
      if (!is_new) continue;
      seen->insert(event.item);
    }
    events->push_back(event);
  }
}

}  // namespace

std::vector<std::string> ProtocolNames() {
  std::vector<std::string> names;
  for (const Protocol protocol : kProtocols) {
    names.emplace_back(ProtocolName(protocol));
  }
  return names;
}

absl::StatusOr<Protocol> ParseProtocol(std::string_view name) {
  for (const Protocol protocol : kProtocols) {
    if (name == ProtocolName(protocol)) return protocol;
  }
  return absl::InvalidArgumentError(
      StrCat("protocol \"", name, "\" is not one of ",
             absl::StrJoin(ProtocolNames(), ", ")));
}

std::string_view ProtocolName(Protocol protocol) {
  switch (protocol) {
    case Protocol::kLeaveOneOut:
      return "leave-one-out";
    case Protocol::kTimeSplit:
      return "time-split";
    case Protocol::kLastBasket:
      return "last-basket";
    case Protocol::kColdItems:
      return "cold-items";
  }
  return "";
}

void Split::AddCase(int32_t user, int64_t end, const Interaction& target,
                    std::vector<EvalCase>* cases) const {
  cases->push_back({.user = user,
                    .target = target.item,
                    .begin = offsets_[user],
                    .end = end,
                    .time_ms = target.time_ms,
                    .has_time = target.has_time,
                    .context = target.context});
}

std::optional<Split::Newest> Split::NewestPositives(int32_t user) const {
  Newest newest;
  int positives = 0;
  for (int64_t i = offsets_[user + 1] - 1; i >= offsets_[user]; --i) {
    if (!events_[i].positive) continue;
    ++positives;
    if (positives == 1) newest.last = i;
    if (positives == 2) newest.second_last = i;
  }
  if (positives < options_.min_positives) return std::nullopt;
  return newest;
}

bool Split::CutLastPositives(int32_t user) {
  const std::optional<Newest> newest = NewestPositives(user);
  if (!newest.has_value()) return false;
  const auto [last, second_last] = *newest;
  AddCase(user, second_last, events_[second_last], &validation_);
  AddCase(user, last, events_[last], &test_);
  train_ends_[user] = second_last;
  limits_[user] = events_[second_last].sort_key;
  return true;
}

bool Split::CutColdItems(int32_t user) {
  const std::optional<Newest> newest = NewestPositives(user);
  if (!newest.has_value()) return false;
  const Interaction last = events_[newest->last];
  const Interaction second_last = events_[newest->second_last];
  int64_t kept = offsets_[user];
  for (int64_t i = offsets_[user]; i < newest->last; ++i) {
    if (i == newest->second_last) {
      train_ends_[user] = kept;
      if (held_out_[second_last.item]) {
        AddCase(user, kept, second_last, &validation_);
      }
    }
    occurs_[events_[i].item] = true;
    if (!held_out_[events_[i].item]) events_[kept++] = events_[i];
  }
  occurs_[last.item] = true;
  if (held_out_[last.item]) AddCase(user, kept, last, &test_);
  limits_[user] = second_last.sort_key;
  events_.resize(kept);
  offsets_.back() = kept;
  return true;
}

bool Split::CutLastBaskets(int32_t user) {
  // First event and first positive of every basket that holds a positive.
  std::vector<std::pair<int64_t, int64_t>> baskets;
  int positives = 0;
  int64_t start = offsets_[user];
  for (int64_t i = start; i < offsets_[user + 1]; ++i) {
    if (events_[i].sort_key != events_[start].sort_key) start = i;
    if (!events_[i].positive) continue;
    ++positives;
    if (baskets.empty() || baskets.back().first != start) {
      baskets.emplace_back(start, i);
    }
  }
  if (positives < options_.min_positives ||
      static_cast<int>(baskets.size()) < options_.min_baskets) {
    return false;
  }
  const auto [test_start, test_target] = baskets.back();
  const auto [validation_start, validation_target] = baskets.end()[-2];
  AddCase(user, validation_start, events_[validation_target], &validation_);
  AddCase(user, test_start, events_[test_target], &test_);
  train_ends_[user] = validation_start;
  limits_[user] = events_[validation_start].sort_key;
  return true;
}

absl::Status Split::CutByTime(const Dataset& dataset) {
  if (dataset.untimed_count() > 0) {
    return absl::FailedPreconditionError(
        StrCat("time-split needs clock times: ", dataset.untimed_count(),
               " of ", dataset.interaction_count(),
               " interactions have only an order; use leave-one-out"));
  }
  int64_t first = std::numeric_limits<int64_t>::max();
  int64_t last = std::numeric_limits<int64_t>::min();
  for (const Interaction& event : events_) {
    first = std::min(first, event.time_ms);
    last = std::max(last, event.time_ms);
  }
  if (events_.empty()) return absl::OkStatus();  // reported by the caller
  if (options_.test_days > 0) {
    test_start_ms_ = last + 1 - options_.test_days * kDayMs;
    validation_start_ms_ = test_start_ms_ - options_.test_days * kDayMs;
  } else {
    const double range = static_cast<double>(last - first);
    test_start_ms_ = last - static_cast<int64_t>(range * options_.test_share);
    validation_start_ms_ =
        test_start_ms_ -
        static_cast<int64_t>(range * options_.validation_share);
  }
  if (validation_start_ms_ <= first || test_start_ms_ <= validation_start_ms_) {
    return absl::FailedPreconditionError(
        StrCat("time-split: events span ", (last - first) / kDayMs,
               " days, too little for training, validation and test (T1 ",
               validation_start_ms_, " ms, T2 ", test_start_ms_,
               " ms, first event ", first, " ms)"));
  }
  for (int32_t user = 0; user < user_count(); ++user) {
    CutUserByTime(dataset, user);
  }
  return absl::OkStatus();
}

void Split::CutUserByTime(const Dataset& dataset, int32_t user) {
  const int64_t begin = offsets_[user], end = offsets_[user + 1];
  train_ends_[user] = end;
  limits_[user] = validation_start_ms_;
  int positives = 0;
  bool in_validation = false, in_test = false;  // a target was taken
  for (int64_t i = begin; i < end; ++i) {
    const int64_t time_ms = events_[i].time_ms;
    if (time_ms >= validation_start_ms_ && train_ends_[user] == end) {
      train_ends_[user] = i;
    }
    if (!events_[i].positive) continue;
    const bool enough = positives++ >= options_.min_prefix_positives;
    if (!enough || time_ms < validation_start_ms_) continue;
    const bool is_test = time_ms >= test_start_ms_;
    bool& taken = is_test ? in_test : in_validation;
    if (taken && options_.targets == SplitOptions::Targets::kFirst) continue;
    taken = true;
    AddCase(user, i, events_[i], is_test ? &test_ : &validation_);
  }
  const auto shown = dataset.impressions(user);
  const auto start_of = [&](int64_t time_ms) {
    return std::partition_point(shown.begin(), shown.end(),
                                [&](const Impression& impression) {
                                  return impression.sort_key < time_ms;
                                }) -
           shown.begin();
  };
  const int64_t validation_begin = start_of(validation_start_ms_);
  const int64_t test_begin = start_of(test_start_ms_);
  const int64_t shown_end = static_cast<int64_t>(shown.size());
  if (validation_begin < test_begin) {
    validation_impressions_.push_back({user, validation_begin, test_begin});
  }
  if (test_begin < shown_end) {
    test_impressions_.push_back({user, test_begin, shown_end});
  }
}

bool Split::CutUser(int32_t user) {
  switch (options_.protocol) {
    case Protocol::kLeaveOneOut:
      return CutLastPositives(user);
    case Protocol::kLastBasket:
      return CutLastBaskets(user);
    case Protocol::kColdItems:
      return CutColdItems(user);
    case Protocol::kTimeSplit:
      break;  // CutByTime, when all are there
  }
  return true;
}

absl::StatusOr<Split> Split::Create(const Dataset& dataset,
                                    const SplitOptions& options) {
  ATTUNE_RETURN_IF_ERROR(CheckOptions(options));
  Split split;
  split.options_ = options;
  split.item_count_ = dataset.items().size();
  const int32_t users = dataset.users().size();
  split.offsets_.reserve(users + 1);
  split.train_ends_.resize(users);
  split.limits_.assign(users, std::numeric_limits<int64_t>::min());
  split.occurs_.assign(static_cast<size_t>(split.item_count_),
                       options.whole_catalogue);
  if (options.protocol == Protocol::kColdItems) {
    for (int32_t item = 0; item < split.item_count_; ++item) {
      const uint64_t hash =
          features::HashBytes(dataset.items().name(item), kColdItemsSeed);
      split.held_out_.push_back(hash % kColdItemsOneIn == 0);
    }
  }
  absl::flat_hash_set<int32_t> seen_positive, seen;
  for (int32_t user = 0; user < users; ++user) {
    AppendSequence(dataset.interactions(user), options, &seen_positive, &seen,
                   &split.events_);
    const int64_t begin = split.offsets_[user];
    const int64_t end = static_cast<int64_t>(split.events_.size());
    split.offsets_.push_back(end);
    if (options.protocol == Protocol::kTimeSplit) {
      split.kept_user_count_ += end > begin;
      continue;  // the cuts need the range of all times first
    }
    const bool kept = split.CutUser(user);
    if (!kept && options.train_on_short_users) {
      split.train_ends_[user] = end;
      split.limits_[user] = std::numeric_limits<int64_t>::max();
    } else if (!kept) {
      split.events_.resize(begin);
      split.offsets_.back() = split.train_ends_[user] = begin;
    }
    split.kept_user_count_ += split.offsets_.back() > begin;
  }
  if (options.protocol == Protocol::kTimeSplit) {
    ATTUNE_RETURN_IF_ERROR(split.CutByTime(dataset));
  }
  if (split.validation_.empty() || split.test_.empty()) {
    return absl::FailedPreconditionError(
        StrCat(ProtocolName(options.protocol), ": ", split.validation_.size(),
               " validation and ", split.test_.size(), " test cases from ",
               users, " users with ", dataset.interaction_count(),
               " interactions; both need at least one",
               options.protocol == Protocol::kTimeSplit
                   ? std::string("")
                   : StrCat(", and a user counts from ", options.min_positives,
                            " positive events on (training.min_positives)")));
  }
  for (const Interaction& event : split.events_) {
    split.occurs_[event.item] = true;
  }
  for (int32_t item = 0; item < split.item_count_; ++item) {
    if (split.occurs_[item]) split.candidates_.push_back(item);
  }
  return split;
}

void Split::SeenItems(const EvalCase& c, std::vector<int32_t>* seen) const {
  seen->clear();
  absl::flat_hash_set<int32_t> distinct;
  for (const Interaction& event : prefix(c)) {
    if (!event.positive) continue;
    // Positives of distinct sequences do not repeat: no need to look.
    if (options_.distinct_items || distinct.insert(event.item).second) {
      seen->push_back(event.item);
    }
  }
}

ItemLists Split::TrainingItems() const {
  ItemLists lists;
  lists.offsets.reserve(user_count() + 1);
  for (int32_t user = 0; user < user_count(); ++user) {
    for (const Interaction& event : training(user)) {
      if (event.positive) lists.items.push_back(event.item);
    }
    lists.EndRow();
  }
  return options_.distinct_items ? lists : DistinctItems(lists, item_count_);
}

}  // namespace attune
