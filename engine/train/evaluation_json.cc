#include "engine/train/evaluation_json.h"

#include <nlohmann/json.hpp>
#include <utility>

namespace attune {

using Json = nlohmann::ordered_json;

Json EvaluationJson(const EvaluationReport& report) {
  Json rows = Json::array();
  for (const EvaluationRow& row : report.rows) {
    Json metrics = Json::array();
    for (const EvaluationRow::AtK& at : row.at_k) {
      metrics.push_back({{"k", at.k},
                         {"ndcg_unseen", at.ndcg_unseen},
                         {"ndcg_unseen_error", at.ndcg_unseen_error},
                         {"hit_rate_unseen", at.hit_rate_unseen},
                         {"ndcg_all", at.ndcg_all},
                         {"hit_rate_all", at.hit_rate_all}});
    }
    rows.push_back({{"ranker", row.name},
                    {"setting", row.setting},
                    {"metrics", std::move(metrics)}});
  }
  Json tasks = Json::array();
  for (const TaskRow& row : report.tasks) {
    tasks.push_back({{"ranker", row.name},
                     {"task", row.task},
                     {"auc", row.auc},
                     {"gauc", row.gauc},
                     {"gauc_by_user", row.gauc_by_user},
                     {"log_loss", row.log_loss},
                     {"calibration_error", row.calibration_error},
                     {"impressions", row.impressions},
                     {"positives", row.positives},
                     {"users", row.users}});
  }
  return {{"protocol", report.protocol},     {"cases", report.cases},
          {"candidates", report.candidates}, {"items", report.items},
          {"rows", std::move(rows)},         {"tasks", std::move(tasks)}};
}

}  // namespace attune
