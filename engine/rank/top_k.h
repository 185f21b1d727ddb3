#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "absl/functional/function_ref.h"

namespace attune {

/// Indices of the best candidates, best first: by score descending, ties by
/// item id ascending (bytes), then by index. A score that is not a number takes
/// its candidate out; that is how filters mark.
///
/// scores [C], item_ids [C]; writes at most best.size() (= k) indices and
/// returns how many. `best` is all the memory it uses: O(C log k) time, no
/// allocation. Thread-safe.
int64_t TopK(std::span<const double> scores,
             std::span<const std::string_view> item_ids,
             std::span<int32_t> best);

/// The same over float scores, for a whole catalogue whose ids lie elsewhere:
/// `id_less(a, b)` compares the ids of two candidates with equal scores, and is
/// asked for such pairs only.
int64_t TopK(std::span<const float> scores,
             absl::FunctionRef<bool(int32_t, int32_t)> id_less,
             std::span<int32_t> best);

}  // namespace attune
