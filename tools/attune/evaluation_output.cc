#include "tools/attune/evaluation_output.h"

#include <fmt/format.h>

#include <vector>

#include "engine/rank/text_table.h"
#include "tools/attune/console.h"

namespace attune {
namespace {

std::string TaskTable(const std::vector<TaskRow>& rows) {
  TextTable table({{"task"},
                   {"ranker"},
                   {"AUC", TextTable::kRight},
                   {"GAUC", TextTable::kRight},
                   {"log loss", TextTable::kRight},
                   {"calibration error", TextTable::kRight},
                   {"impressions", TextTable::kRight},
                   {"positives", TextTable::kRight}});
  for (const TaskRow& row : rows) {
    table.AddRow({row.task, row.name, fmt::format("{:.4f}", row.auc),
                  fmt::format("{:.4f}", row.gauc),
                  fmt::format("{:.4f}", row.log_loss),
                  fmt::format("{:.4f}", row.calibration_error),
                  WithCommas(row.impressions), WithCommas(row.positives)});
  }
  return "\nimpressions of the test window as they were shown\n" +
         table.ToString();
}

}  // namespace

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
  const std::string among =
      report.candidates == report.items
          ? Count(report.items, "item")
          : fmt::format(
                "the {} that occur in the kept events, of {} in the "
                "database",
                Count(report.candidates, "item"), WithCommas(report.items));
  return fmt::format("{}: {} ranked among {}\n", report.protocol,
                     Count(report.cases, "held-out target"), among) +
         table.ToString() +
         (report.tasks.empty() ? "" : TaskTable(report.tasks));
}

}  // namespace attune
