#include "attention/ops/attention.h"

#include <algorithm>
#include <bit>

namespace attune {

int TimeBucket(int64_t difference_ms, int buckets) {
  // floor(2 log2(seconds)) is the exponent of seconds^2. Only IEEE division and
  // multiplication: a vector kernel gets the same bucket in every case.
  const double seconds = static_cast<double>(difference_ms) / 1000.0;
  if (!(seconds > 1.0)) return 0;
  const uint64_t bits = std::bit_cast<uint64_t>(seconds * seconds);
  const int exponent = static_cast<int>(bits >> 52) - 1023;
  return std::min(exponent, buckets - 1);
}

absl::Status Attention::ForwardKept(ExecutionContext& context,
                                    AttentionInput input,
                                    const KeyValueView& kept,
                                    MatrixView out) const {
  Workspace::Scope scope(context.workspace);
  const MatrixView k = context.workspace.Matrix(input.k.rows(), input.k.cols());
  const MatrixView v = context.workspace.Matrix(input.k.rows(), input.k.cols());
  kept.Read(k, v);
  input.k = k;
  input.v = v;
  return Forward(context, input, out);
}

}  // namespace attune
