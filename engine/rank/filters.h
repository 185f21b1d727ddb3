#pragma once

#include <google/protobuf/repeated_ptr_field.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/workspace.h"
#include "engine/rank/id_set.h"
#include "proto/attune.pb.h"

namespace attune {

/// What the filters ask of a candidate. Views into the caller's records.
struct FilterCandidate {
  std::string_view item_id;
  /// Null for an item without a record: it belongs to no category.
  const google::protobuf::RepeatedPtrField<std::string>* categories = nullptr;
  bool unavailable = false;

  /// `item` may be null (unknown); item_id is then all that is known.
  static FilterCandidate Of(std::string_view item_id, const v1::Item* item) {
    if (item == nullptr) return {item_id};
    return {item_id, &item->categories(), item->unavailable()};
  }
};

/// How many candidates each rule took out. A candidate that several rules
/// refuse counts for the first of them in the order of the fields.
struct FilterCounts {
  int64_t excluded_id = 0;
  int64_t unavailable = 0;
  int64_t seen = 0;
  int64_t excluded_category = 0;
  int64_t other_category = 0;  ///< none of the required ones
  int64_t kept = 0;

  FilterCounts& operator+=(const FilterCounts& other);
};

/// The rules of a request's Policy: excluded ids, availability, items seen,
/// categories excluded and required (any of them is enough). Ids and categories
/// match exactly, byte by byte.
///
/// Keeps views into `policy` and `seen` and takes its sets from `workspace`:
/// all three must outlive it. Thread-safe once built.
class CandidateFilter {
 public:
  /// seen: the items of the user's events; used only if the policy says so.
  CandidateFilter(const v1::Policy& policy, const IdSet& seen,
                  Workspace& workspace);

  /// Whether a candidate's categories are looked at under this policy.
  static bool NeedsCategories(const v1::Policy& policy) {
    return policy.exclude_categories_size() > 0 ||
           policy.require_categories_size() > 0;
  }

  /// Whether any rule could take something out, apart from availability.
  bool IsTrivial() const;

  /// keep [C]: 1 where the candidate stays, else 0. keep.size() must equal
  /// candidates.size(). Does not allocate.
  FilterCounts Apply(std::span<const FilterCandidate> candidates,
                     std::span<uint8_t> keep) const;

 private:
  // The count of the rule that refuses the candidate; `kept` if none does.
  int64_t FilterCounts::* Judge(const FilterCandidate& candidate) const;

  const IdSet* seen_;  // null: not asked for
  IdSet excluded_ids_;
  IdSet excluded_categories_;
  IdSet required_categories_;
  bool include_unavailable_;
};

}  // namespace attune
