#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/train/dataset.h"
#include "engine/train/split.h"

namespace attune {

/// How well one ranker foretells what followed impressions, by task.
struct TaskRow {
  std::string name;  ///< of the ranker
  std::string task;
  int64_t impressions = 0;
  int64_t positives = 0;
  double auc = 0;  ///< over all impressions; 0 where a label is missing
  /// Mean of each user's own AUC, weighted by impressions, and unweighted;
  /// users with one label only are left out (`users` are in it).
  double gauc = 0;
  double gauc_by_user = 0;
  int64_t users = 0;
  double log_loss = 0;
  double calibration_error = 0;  ///< CalibrationError of metrics.h
};

/// Logits of the impressions of some cases: logits[t] for the dataset's task t,
/// one per row; rows groups[g] .. groups[g + 1] are those of case g.
struct TaskScores {
  std::vector<std::vector<float>> logits;
  std::vector<int64_t> groups = {0};
};

/// Whether the dataset's task followed, for each impression of the cases.
std::vector<uint8_t> TaskLabels(const Dataset& dataset,
                                std::span<const ImpressionCase> cases,
                                size_t task);

/// A row per task of `dataset` with at least one positive and one negative.
std::vector<TaskRow> TaskRows(const std::string& name, const Dataset& dataset,
                              std::span<const ImpressionCase> cases,
                              const TaskScores& scores);

/// What an item's past alone says: the logit of its share of positives among
/// the impressions that training may see, drawn towards the mean of all items
/// as by ten impressions more.
TaskScores ItemRateScores(const Dataset& dataset, const Split& split,
                          std::span<const ImpressionCase> cases);

}  // namespace attune
