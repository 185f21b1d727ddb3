#pragma once

#include <cstdint>
#include <span>

#include "base/tensor_view.h"
#include "base/workspace.h"

namespace attune {

/// Places that are diversified, whatever k: a list of all candidates would take
/// O(C² D) otherwise. The places behind them go by score.
inline constexpr int64_t kMostDiversified = 200;

/// How many of the best candidates a diversified list of k is chosen from:
/// max(5 k, 100), at most `candidates`, with k at most kMostDiversified. More
/// would let an item far down the list in for being different only.
int64_t DiversityPool(int64_t k, int64_t candidates);

/// Maximal marginal relevance (Carbonell and Goldstein 1998): reorders a scored
/// list so that each place goes to the item that is good and unlike what stands
/// above it,
///
///   argmax  (1 - diversity) * relevance(i)
///           - diversity * max over chosen j of cosine(x_i, x_j)
///
/// where relevance is the score, scaled to 0 … 1 over `order` (value formulas
/// have no common scale). diversity in [0, 1], clamped; 0 leaves `order` as it
/// is. Equal values go to the better scored.
///
/// scores [C], vectors [C, D] (item vectors; an all-zero or non-finite one is
/// like nothing), order: indices into both, best first (TopK's answer over
/// DiversityPool candidates). The first min(k, order.size()) places of `order`
/// become the chosen ones; the rest follow in their old order. Scores are not
/// changed.
///
/// At most kMostDiversified places are chosen. Time O(order.size() * k * D).
/// Takes order.size() * (D + 4) words from `workspace` and gives them back.
/// Deterministic.
void DiversifyByMmr(double diversity, int64_t k, std::span<const double> scores,
                    ConstMatrixView vectors, Workspace& workspace,
                    std::span<int32_t> order);

}  // namespace attune
