#include "engine/rank/filters.h"

#include <cassert>

namespace attune {
namespace {

bool AnyIn(const google::protobuf::RepeatedPtrField<std::string>* categories,
           const IdSet& set) {
  if (categories == nullptr) return false;
  for (const std::string& category : *categories) {
    if (set.Contains(category)) return true;
  }
  return false;
}

}  // namespace

FilterCounts& FilterCounts::operator+=(const FilterCounts& other) {
  excluded_id += other.excluded_id;
  unavailable += other.unavailable;
  seen += other.seen;
  excluded_category += other.excluded_category;
  other_category += other.other_category;
  kept += other.kept;
  return *this;
}

CandidateFilter::CandidateFilter(const v1::Policy& policy, const IdSet& seen,
                                 Workspace& workspace)
    : seen_(policy.exclude_seen() ? &seen : nullptr),
      excluded_ids_(IdSet::Of(policy.exclude_ids(), workspace)),
      excluded_categories_(IdSet::Of(policy.exclude_categories(), workspace)),
      required_categories_(IdSet::Of(policy.require_categories(), workspace)),
      include_unavailable_(policy.include_unavailable()) {}

bool CandidateFilter::IsTrivial() const {
  return (seen_ == nullptr || seen_->empty()) && excluded_ids_.empty() &&
         excluded_categories_.empty() && required_categories_.empty();
}

FilterCounts CandidateFilter::Apply(std::span<const FilterCandidate> candidates,
                                    std::span<uint8_t> keep) const {
  assert(candidates.size() == keep.size());
  FilterCounts counts;
  for (size_t i = 0; i < candidates.size(); ++i) {
    int64_t FilterCounts::* const rule = Judge(candidates[i]);
    ++(counts.*rule);
    keep[i] = rule == &FilterCounts::kept ? 1 : 0;
  }
  return counts;
}

int64_t FilterCounts::* CandidateFilter::Judge(
    const FilterCandidate& candidate) const {
  if (excluded_ids_.Contains(candidate.item_id)) {
    return &FilterCounts::excluded_id;
  }
  if (candidate.unavailable && !include_unavailable_) {
    return &FilterCounts::unavailable;
  }
  if (seen_ != nullptr && seen_->Contains(candidate.item_id)) {
    return &FilterCounts::seen;
  }
  if (AnyIn(candidate.categories, excluded_categories_)) {
    return &FilterCounts::excluded_category;
  }
  if (!required_categories_.empty() &&
      !AnyIn(candidate.categories, required_categories_)) {
    return &FilterCounts::other_category;
  }
  return &FilterCounts::kept;
}

}  // namespace attune
