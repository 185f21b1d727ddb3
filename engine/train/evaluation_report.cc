#include "engine/train/evaluation_report.h"

#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/baselines.h"
#include "engine/train/recent_popularity.h"
#include "engine/train/text_similarity.h"

namespace attune {

const EvaluationRow* EvaluationReport::Find(std::string_view name) const {
  for (const EvaluationRow& row : rows) {
    if (row.name == name) return &row;
  }
  return nullptr;
}

EvaluationReport StartReport(const Dataset& dataset, const Split& split) {
  EvaluationReport report;
  report.protocol = std::string(ProtocolName(split.options().protocol));
  report.data_fingerprint = dataset.Fingerprint();
  report.cases = static_cast<int64_t>(split.test().size());
  report.candidates = static_cast<int32_t>(split.candidates().size());
  report.items = split.item_count();
  return report;
}

EvaluationRow MakeEvaluationRow(std::string name, std::string setting,
                                std::span<const TargetRanks> ranks,
                                std::span<const int> ks) {
  EvaluationRow row;
  row.name = std::move(name);
  row.setting = std::move(setting);
  std::vector<double> ranks_all, ranks_unseen;
  for (const TargetRanks& rank : ranks) {
    ranks_all.push_back(rank.all);
    ranks_unseen.push_back(rank.unseen);
  }
  const RankingMetrics all = SummarizeRanks(ranks_all, ks);
  const RankingMetrics unseen = SummarizeRanks(ranks_unseen, ks);
  for (size_t i = 0; i < ks.size(); ++i) {
    EvaluationRow::AtK at;
    at.k = ks[i];
    at.hit_rate_all = all.at_k[i].hit_rate.value;
    at.ndcg_all = all.at_k[i].ndcg.value;
    at.hit_rate_unseen = unseen.at_k[i].hit_rate.value;
    at.ndcg_unseen = unseen.at_k[i].ndcg.value;
    at.ndcg_unseen_error = unseen.at_k[i].ndcg.standard_error;
    row.at_k.push_back(at);
  }
  return row;
}

absl::StatusOr<std::vector<EvaluationRow>> BaselineRows(
    const Split& split, const Catalogue& catalogue, std::span<const int> ks,
    const ExecutionContext& context, ThreadPool& pool) {
  BaselineOptions options;
  NeighbourTable texts;
  if (split.options().protocol == Protocol::kColdItems) {
    texts = TextCosines(catalogue, pool);
    options.texts = &texts;
  }
  ATTUNE_ASSIGN_OR_RETURN(std::vector<BaselineResult> baselines,
                          EvaluateBaselines(split, options, context, pool));
  std::vector<EvaluationRow> rows;
  for (const BaselineResult& baseline : baselines) {
    rows.push_back(MakeEvaluationRow(
        baseline.name,
        baseline.name == "popularity" ? "" : KnnSettingText(baseline.setting),
        baseline.ranks, ks));
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<RecentPopularity> recent,
                          EvaluateRecentPopularity(split, context, pool));
  if (recent.has_value()) {  // beside popularity over all time
    rows.insert(rows.begin() + 1,
                MakeEvaluationRow("popularity, recent",
                                  StrCat("half-life ", recent->hours, " h"),
                                  recent->ranks, ks));
  }
  return rows;
}

std::vector<TaskRow> ImpressionRows(const Dataset& dataset, const Split& split,
                                    const TaskScores& scores) {
  const std::span<const ImpressionCase> shown = split.test_impressions();
  std::vector<TaskRow> rows = TaskRows("item rate", dataset, shown,
                                       ItemRateScores(dataset, split, shown));
  for (TaskRow& row : TaskRows("model", dataset, shown, scores)) {
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace attune
