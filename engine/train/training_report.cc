#include "engine/train/training_report.h"

#include <nlohmann/json.hpp>

namespace attune {

nlohmann::ordered_json ReportJson(const EvaluationReport& report) {
  using Json = nlohmann::ordered_json;
  Json rows = Json::array();
  for (const EvaluationRow& row : report.rows) {
    Json metrics = Json::array();
    for (const EvaluationRow::AtK& at : row.at_k) {
      metrics.push_back({{"k", at.k},
                         {"hit_rate_all", at.hit_rate_all},
                         {"ndcg_all", at.ndcg_all},
                         {"hit_rate_unseen", at.hit_rate_unseen},
                         {"ndcg_unseen", at.ndcg_unseen},
                         {"ndcg_unseen_standard_error", at.ndcg_unseen_error}});
    }
    rows.push_back(
        {{"name", row.name}, {"setting", row.setting}, {"metrics", metrics}});
  }
  Json tasks = Json::array();
  for (const TaskRow& row : report.tasks) {
    tasks.push_back({{"name", row.name},
                     {"task", row.task},
                     {"impressions", row.impressions},
                     {"positives", row.positives},
                     {"auc", row.auc},
                     {"gauc", row.gauc},
                     {"gauc_by_user", row.gauc_by_user},
                     {"users", row.users},
                     {"log_loss", row.log_loss},
                     {"calibration_error", row.calibration_error}});
  }
  return {{"protocol", report.protocol}, {"tasks", tasks},
          {"cases", report.cases},       {"candidates", report.candidates},
          {"items", report.items},       {"rows", rows}};
}

}  // namespace attune
