#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "engine/catalogue_rows.h"
#include "engine/rank/filters.h"
#include "proto/attune.pb.h"

namespace attune {

/// The rules of CandidateFilter for a scan over a whole catalogue: on hashes,
/// most rows being judged by a few bits. Ids are compared in full. Of
/// categories, two that share 64 bits of xxh3 are taken for one: what passes
/// must be judged again by its record, which also sees what has been written
/// since. Keeps views into `policy` and `seen`. Thread-safe.
class RetrievalFilter {
 public:
  /// seen: used only if the policy says so.
  RetrievalFilter(const v1::Policy& policy,
                  const absl::flat_hash_set<std::string>& seen);

  /// The count of the rule that refuses the row; `kept` if none does.
  int64_t FilterCounts::* Judge(const CatalogueBlock& block, int64_t row) const;

 private:
  struct Ids {
    absl::flat_hash_map<uint64_t, std::string_view> by_hash;
    void Insert(std::string_view id) { by_hash[CatalogueHash(id)] = id; }
    bool Contains(const CatalogueBlock& block, int64_t row) const;
  };
  struct Categories {
    std::vector<uint64_t> hashes;  // ascending
    uint64_t bits = 0;
    explicit Categories(
        const google::protobuf::RepeatedPtrField<std::string>& names);
    bool MeetsAny(const CatalogueBlock& block, int64_t row) const;
  };

  Ids excluded_ids_, seen_;
  Categories excluded_categories_, required_categories_;
  bool include_unavailable_;
};

}  // namespace attune
