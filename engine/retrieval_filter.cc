#include "engine/retrieval_filter.h"

#include <algorithm>

namespace attune {

RetrievalFilter::Categories::Categories(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  for (const std::string& name : names) {
    const uint64_t hash = CatalogueHash(name);
    hashes.push_back(hash);
    bits |= CatalogueBlock::CategoryBit(hash);
  }
  std::sort(hashes.begin(), hashes.end());
}

bool RetrievalFilter::Categories::MeetsAny(const CatalogueBlock& block,
                                           int64_t row) const {
  if ((block.category_bits[row] & bits) == 0) return false;
  for (const uint64_t hash : block.CategoriesOf(row)) {
    if (std::binary_search(hashes.begin(), hashes.end(), hash)) return true;
  }
  return false;
}

bool RetrievalFilter::Ids::Contains(const CatalogueBlock& block,
                                    int64_t row) const {
  if (by_hash.empty()) return false;
  const auto found = by_hash.find(block.id_hashes[row]);
  return found != by_hash.end() && found->second == block.ids[row];
}

RetrievalFilter::RetrievalFilter(const v1::Policy& policy,
                                 const absl::flat_hash_set<std::string>& seen)
    : excluded_categories_(policy.exclude_categories()),
      required_categories_(policy.require_categories()),
      include_unavailable_(policy.include_unavailable()) {
  for (const std::string& id : policy.exclude_ids()) excluded_ids_.Insert(id);
  if (!policy.exclude_seen()) return;
  for (const std::string& id : seen) seen_.Insert(id);
}

int64_t FilterCounts::* RetrievalFilter::Judge(const CatalogueBlock& block,
                                               int64_t row) const {
  if (excluded_ids_.Contains(block, row)) return &FilterCounts::excluded_id;
  if (block.unavailable[row] && !include_unavailable_) {
    return &FilterCounts::unavailable;
  }
  if (seen_.Contains(block, row)) return &FilterCounts::seen;
  if (excluded_categories_.MeetsAny(block, row)) {
    return &FilterCounts::excluded_category;
  }
  if (!required_categories_.hashes.empty() &&
      !required_categories_.MeetsAny(block, row)) {
    return &FilterCounts::other_category;
  }
  return &FilterCounts::kept;
}

}  // namespace attune
