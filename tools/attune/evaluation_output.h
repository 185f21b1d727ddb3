#pragma once

#include <string>

#include "engine/train/evaluation_report.h"

namespace attune {

/// What `train` and `evaluate` show: one line per ranker.
/// `unseen_only`: leave out the ranking in which seen items compete.
std::string EvaluationTable(const EvaluationReport& report,
                            bool unseen_only = false);

}  // namespace attune
