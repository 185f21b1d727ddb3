#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/model/network.h"
#include "engine/train/dataset.h"
#include "engine/train/split.h"
#include "engine/train/task_report.h"

namespace attune {

/// p = sigmoid(scale · logit + bias). Platt 1999, with the stopping and the
/// arithmetic of Lin, Lin and Weng 2007.
struct PlattScale {
  double scale = 1;
  double bias = 0;
};

/// Minimises the log loss of the labels (0 or 1), whose targets are drawn in by
/// one imagined case each. The identity where either label stands for fewer
/// than 30 cases, or where a better logit would come out as a smaller
/// probability.
PlattScale FitPlatt(std::span<const float> logits,
                    std::span<const uint8_t> labels);

/// Makes the probabilities of every task but "next" those that impressions
/// bear out: fits each on `scores`, logits that `network` gave for `cases` with
/// `values` [layout().size()], and folds the result into the values. The order
/// of a task's logits stays. `tasks`: dataset task to the network's, -1 where
/// it has none. Returns what was folded in, by task of the network.
std::vector<PlattScale> CalibrateTasks(const Network& network,
                                       const Dataset& dataset,
                                       std::span<const ImpressionCase> cases,
                                       const TaskScores& scores,
                                       std::span<const int32_t> tasks,
                                       std::span<float> values);

}  // namespace attune
