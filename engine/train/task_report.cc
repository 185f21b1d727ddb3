#include "engine/train/task_report.h"

#include <algorithm>
#include <cmath>

#include "engine/train/metrics.h"

namespace attune {
namespace {

constexpr double kPriorImpressions = 10;

}  // namespace

std::vector<uint8_t> TaskLabels(const Dataset& dataset,
                                std::span<const ImpressionCase> cases,
                                size_t task) {
  std::vector<uint8_t> labels;
  for (const ImpressionCase& c : cases) {
    for (int64_t i = c.begin; i < c.end; ++i) {
      const uint32_t followed = dataset.impressions(c.user)[i].followed;
      labels.push_back(static_cast<uint8_t>(followed >> task & 1u));
    }
  }
  return labels;
}

std::vector<TaskRow> TaskRows(const std::string& name, const Dataset& dataset,
                              std::span<const ImpressionCase> cases,
                              const TaskScores& scores) {
  std::vector<TaskRow> rows;
  for (size_t task = 0; task < dataset.tasks().size(); ++task) {
    TaskRow row;
    row.name = name;
    row.task = dataset.tasks()[task];
    const std::vector<uint8_t> labels = TaskLabels(dataset, cases, task);
    row.positives = std::count(labels.begin(), labels.end(), 1);
    row.impressions = static_cast<int64_t>(labels.size());
    if (row.positives == 0 || row.positives == row.impressions) continue;
    const std::vector<float>& logits = scores.logits[task];
    row.auc = Auc(logits, labels).value_or(0);
    const GroupedAuc grouped = GroupAuc(logits, labels, scores.groups);
    row.gauc = grouped.by_impressions;
    row.gauc_by_user = grouped.by_users;
    row.users = grouped.users;
    row.log_loss = LogLoss(logits, labels);
    row.calibration_error = CalibrationError(logits, labels);
    rows.push_back(std::move(row));
  }
  return rows;
}

TaskScores ItemRateScores(const Dataset& dataset, const Split& split,
                          std::span<const ImpressionCase> cases) {
  TaskScores scores;
  const size_t items = static_cast<size_t>(dataset.items().size());
  std::vector<double> shown(items, 0.0);
  double total = 0;
  std::vector<std::vector<double>> positives(dataset.tasks().size(),
                                             std::vector<double>(items, 0.0));
  std::vector<double> all_positives(dataset.tasks().size(), 0.0);
  for (int32_t user = 0; user < split.user_count(); ++user) {
    for (const Impression& impression : dataset.impressions(user)) {
      if (impression.sort_key >= split.training_limit(user)) break;
      ++shown[impression.item];
      ++total;
      for (size_t task = 0; task < positives.size(); ++task) {
        const double label = impression.followed >> task & 1u;
        positives[task][impression.item] += label;
        all_positives[task] += label;
      }
    }
  }
  scores.logits.resize(positives.size());
  for (const ImpressionCase& c : cases) {
    for (int64_t i = c.begin; i < c.end; ++i) {
      const int32_t item = dataset.impressions(c.user)[i].item;
      for (size_t task = 0; task < positives.size(); ++task) {
        // One imagined impression of each kind keeps the rate inside (0, 1).
        const double mean = (all_positives[task] + 1) / (total + 2);
        const double rate = (positives[task][item] + kPriorImpressions * mean) /
                            (shown[item] + kPriorImpressions);
        scores.logits[task].push_back(
            static_cast<float>(std::log(rate / (1 - rate))));
      }
    }
    scores.groups.push_back(scores.groups.back() + c.end - c.begin);
  }
  return scores;
}

}  // namespace attune
