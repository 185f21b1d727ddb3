#pragma once

#include "features/dense_layout.h"
#include "features/history_profile.h"
#include "features/item_view.h"

namespace attune::features {

/// Writes the match block of the dense vector, [layout.width()], zeroed before:
/// what the candidate's attributes have in common with the history's, and
/// whether the item itself occurred. O(attributes of the item).
void WriteMatchFeatures(const DenseLayout& layout, const ItemView& item,
                        const HistoryProfile& profile, float* dense);

}  // namespace attune::features
