#pragma once

#include <string>
#include <vector>

#include "attention/ops/linear.h"

namespace attune {

/// The names of the oneDNN implementations behind a layer, for tests and logs;
/// empty for a layer of another back-end.
std::vector<std::string> OneDnnImplementations(const Linear& linear);

}  // namespace attune
