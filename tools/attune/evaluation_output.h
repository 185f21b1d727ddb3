#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "engine/train/evaluation_report.h"

namespace attune {

/// What `train` and `evaluate` show: one line per ranker.
/// `unseen_only`: leave out the ranking in which seen items compete.
std::string EvaluationTable(const EvaluationReport& report,
                            bool unseen_only = false);
nlohmann::ordered_json EvaluationJson(const EvaluationReport& report);

}  // namespace attune
