#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/train/evaluation_report.h"

namespace attune {

/// The "evaluation" of a model's report.json: every row with every metric.
nlohmann::ordered_json ReportJson(const EvaluationReport& report);

}  // namespace attune
