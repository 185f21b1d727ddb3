#include "engine/rank/top_k.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace attune {
namespace {

// Keeps the k best so far as a heap whose root is the worst of them, inside the
// caller's span: most candidates of a catalogue lose against the root at once.
template <typename Score, typename IdLess>
int64_t SelectTopK(std::span<const Score> scores, IdLess id_less,
                   std::span<int32_t> best) {
  const size_t k = best.size();
  if (k == 0) return 0;
  const auto better = [&](int32_t a, int32_t b) {
    if (scores[a] != scores[b]) return scores[a] > scores[b];
    if (id_less(a, b)) return true;
    if (id_less(b, a)) return false;
    return a < b;
  };
  size_t kept = 0;
  for (size_t i = 0; i < scores.size(); ++i) {
    if (std::isnan(scores[i])) continue;
    const int32_t candidate = static_cast<int32_t>(i);
    if (kept < k) {
      best[kept++] = candidate;
      if (kept == k) std::make_heap(best.begin(), best.end(), better);
    } else if (better(candidate, best.front())) {
      std::pop_heap(best.begin(), best.end(), better);
      best.back() = candidate;
      std::push_heap(best.begin(), best.end(), better);
    }
  }
  std::sort(best.begin(), best.begin() + kept, better);
  return static_cast<int64_t>(kept);
}

}  // namespace

int64_t TopK(std::span<const double> scores,
             std::span<const std::string_view> item_ids,
             std::span<int32_t> best) {
  assert(scores.size() == item_ids.size());
  return SelectTopK(
      scores, [&](int32_t a, int32_t b) { return item_ids[a] < item_ids[b]; },
      best);
}

int64_t TopK(std::span<const float> scores,
             absl::FunctionRef<bool(int32_t, int32_t)> id_less,
             std::span<int32_t> best) {
  return SelectTopK(scores, id_less, best);
}

}  // namespace attune
