#pragma once

#include <nlohmann/json_fwd.hpp>

#include "engine/train/evaluation_report.h"

namespace attune {

/// Every row with every metric: what `--json` prints, and the "evaluation" of a
/// model's report.json.
nlohmann::ordered_json EvaluationJson(const EvaluationReport& report);

}  // namespace attune
