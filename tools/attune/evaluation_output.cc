#include "tools/attune/evaluation_output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <vector>

#include "engine/rank/text_table.h"
#include "tools/attune/console.h"

namespace attune {

std::string EvaluationTable(const EvaluationReport& report, bool unseen_only) {
  std::vector<TextTable::Column> columns = {{"ranker"}};
  if (!report.rows.empty()) {
    for (const EvaluationRow::AtK& at : report.rows[0].at_k) {
      columns.push_back(
          {fmt::format("NDCG@{} unseen", at.k), TextTable::kRight});
      columns.push_back({fmt::format("HR@{} unseen", at.k), TextTable::kRight});
      if (unseen_only) continue;
      columns.push_back({fmt::format("NDCG@{} all", at.k), TextTable::kRight});
      columns.push_back({fmt::format("HR@{} all", at.k), TextTable::kRight});
    }
  }
  columns.push_back({"setting"});
  TextTable table(std::move(columns));
  for (const EvaluationRow& row : report.rows) {
    std::vector<std::string> cells = {row.name};
    for (const EvaluationRow::AtK& at : row.at_k) {
      cells.push_back(
          fmt::format("{:.4f} ±{:.4f}", at.ndcg_unseen, at.ndcg_unseen_error));
      cells.push_back(fmt::format("{:.4f}", at.hit_rate_unseen));
      if (unseen_only) continue;
      cells.push_back(fmt::format("{:.4f}", at.ndcg_all));
      cells.push_back(fmt::format("{:.4f}", at.hit_rate_all));
    }
    cells.push_back(row.setting);
    table.AddRow(std::move(cells));
  }
  return fmt::format("{}: {} ranked among {}\n", report.protocol,
                     Count(report.cases, "held-out target"),
                     Count(report.candidates, "item")) +
         table.ToString();
}

nlohmann::ordered_json EvaluationJson(const EvaluationReport& report) {
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const EvaluationRow& row : report.rows) {
    nlohmann::ordered_json metrics = nlohmann::ordered_json::array();
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
  return {{"protocol", report.protocol},
          {"cases", report.cases},
          {"candidates", report.candidates},
          {"rows", std::move(rows)}};
}

}  // namespace attune
