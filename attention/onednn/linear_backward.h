#pragma once

#include <span>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "attention/ops/linear.h"
#include "base/workspace.h"

namespace attune {

/// What Linear::Backward asks for; see there.
struct LinearGradients {
  MatrixView dx;           ///< overwritten; may be empty
  MatrixView dweight;      ///< added to; may be empty
  std::span<float> dbias;  ///< added to; may be empty
};

/// Gradients of a layer without activation. `weights` gives the (rounded)
/// weights as dense rows [in, out]; asked for only where dx is.
absl::Status LinearBackward(
    Workspace& workspace, const LinearSpec& spec, ConstMatrixView x,
    ConstMatrixView dy,
    absl::FunctionRef<absl::StatusOr<ConstMatrixView>()> weights,
    const LinearGradients& gradients);

}  // namespace attune
