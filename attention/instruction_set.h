#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace attune {

/// Keeps this process's kernels from using what came after an instruction set:
/// for benchmarks, and to have one result on machines that differ. Names, each
/// with what came before it: "portable", "avx2", "avx512", "best" (no limit:
/// with the bfloat16 instructions of AVX-512 and AMX). Only ever lowers; takes
/// effect for operations made afterwards. InvalidArgument for another name,
/// listing the known ones. Not thread-safe with running operations.
///
/// oneDNN has a limit of its own, ONEDNN_MAX_CPU_ISA, which this leaves alone;
/// below "best" no product is given to it.
absl::Status LimitInstructionSet(std::string_view name);

/// Applies the environment variable ATTUNE_MAX_CPU_ISA the first time it is
/// called; MakeBackend does. Unset and empty mean "best". Thread-safe.
absl::Status LimitInstructionSetFromEnvironment();

/// Whether what came after plain AVX-512 may be used, as far as the machine has
/// it.
bool NewestInstructionsAllowed();

}  // namespace attune
