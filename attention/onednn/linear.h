#pragma once

#include <string>
#include <vector>

#include "attention/ops/linear.h"

namespace attune {

/// The names of the oneDNN implementations behind a layer, for tests and logs;
/// empty for a layer of another back-end.
std::vector<std::string> OneDnnImplementations(const Linear& linear);

/// "vector:f32" or "vector:avx512_bf16" for a layer on our own kernels, empty
/// for another.
std::string VectorImplementation(const Linear& linear);

}  // namespace attune
