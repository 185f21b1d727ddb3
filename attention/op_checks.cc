#include "attention/op_checks.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace attune {
namespace {

// Matrices of any constness: only the extents are looked at.
absl::Status CheckShape(const char* name, ConstMatrixView matrix, int64_t rows,
                        int64_t cols) {
  if (matrix.rows() == rows && matrix.cols() == cols) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is [", matrix.rows(), ", ", matrix.cols(),
                   "], expected [", rows, ", ", cols, "]"));
}

// A view of no rows and no columns means "absent".
bool Absent(ConstMatrixView matrix) {
  return matrix.rows() == 0 && matrix.cols() == 0;
}

absl::Status CheckOptionalShape(const char* name, ConstMatrixView matrix,
                                int64_t rows, int64_t cols) {
  if (Absent(matrix)) return absl::OkStatus();
  return CheckShape(name, matrix, rows, cols);
}

absl::Status CheckLength(const char* name, size_t length, int64_t expected) {
  if (static_cast<int64_t>(length) == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " has length ", length, ", expected ", expected));
}

absl::Status CheckOptionalLength(const char* name, size_t length,
                                 int64_t expected) {
  if (length == 0) return absl::OkStatus();
  return CheckLength(name, length, expected);
}

}  // namespace

absl::Status CheckWidth(int64_t width) {
  if (width >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("width ", width, ", expected at least 1"));
}

absl::Status CheckPoolingHeads(int64_t width, int heads) {
  ATTUNE_RETURN_IF_ERROR(CheckWidth(width));
  if (heads >= 1 && width % heads == 0) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("attention pooling of width ", width, " and ", heads,
                   " heads: the heads must divide the width"));
}

absl::Status CheckLinearSpec(const LinearSpec& spec) {
  if (spec.in >= 1 && spec.out >= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("linear layer of ", spec.in, " inputs and ", spec.out,
                   " outputs: both must be at least 1"));
}

absl::Status CheckLinearWeights(const LinearSpec& spec, ConstMatrixView weight,
                                std::span<const float> bias) {
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("linear weight", weight, spec.in, spec.out));
  return CheckLength("linear bias", bias.size(), spec.bias ? spec.out : 0);
}

absl::Status CheckLinearForward(const LinearSpec& spec, ConstMatrixView x,
                                MatrixView y, ConstMatrixView residual) {
  ATTUNE_RETURN_IF_ERROR(CheckShape("linear x", x, x.rows(), spec.in));
  ATTUNE_RETURN_IF_ERROR(CheckShape("linear y", y, x.rows(), spec.out));
  return CheckOptionalShape("linear residual", residual, x.rows(), spec.out);
}

absl::Status CheckLinearBackward(const LinearSpec& spec, ConstMatrixView x,
                                 ConstMatrixView dy, MatrixView dx,
                                 MatrixView dweight, std::span<float> dbias) {
  if (spec.activation != ActivationKind::kNone) {
    return absl::InvalidArgumentError(
        "Linear::Backward needs a layer without a fused activation");
  }
  ATTUNE_RETURN_IF_ERROR(CheckShape("linear x", x, dy.rows(), spec.in));
  ATTUNE_RETURN_IF_ERROR(CheckShape("linear dy", dy, dy.rows(), spec.out));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalShape("linear dx", dx, dy.rows(), spec.in));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalShape("linear dweight", dweight, spec.in, spec.out));
  return CheckOptionalLength("linear dbias", dbias.size(), spec.out);
}

absl::Status CheckAttentionSpec(const AttentionSpec& spec) {
  if (spec.heads < 1 || spec.head_width < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention of ", spec.heads, " heads of width ",
                     spec.head_width, ": both must be at least 1"));
  }
  if (spec.relative_positions < 0 || spec.time_buckets < 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "attention with ", spec.relative_positions, " relative positions and ",
        spec.time_buckets, " time buckets: neither may be negative"));
  }
  return absl::OkStatus();
}

absl::Status CheckAttentionInput(const AttentionSpec& spec,
                                 const AttentionInput& input) {
  const int64_t width = int64_t{spec.heads} * spec.head_width;
  const int64_t queries = input.q.rows();
  const int64_t keys = input.k.rows();
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention q", input.q, queries, width));
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention k", input.k, keys, width));
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention v", input.v, keys, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalLength("attention visible", input.visible.size(), queries));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalShape("attention position_bias",
                                            input.position_bias, spec.heads,
                                            spec.relative_positions));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalShape(
      "attention time_bias", input.time_bias, spec.heads, spec.time_buckets));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalLength(
      "attention query_time_ms", input.query_time_ms.size(), queries));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalLength("attention key_time_ms",
                                             input.key_time_ms.size(), keys));
  for (const AttentionSequence& s : input.sequences) {
    if (s.query_begin < 0 || s.query_count < 0 ||
        s.query_begin > queries - s.query_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("attention sequence has queries ", s.query_begin, " + ",
                       s.query_count, ", but there are ", queries, " rows"));
    }
    if (s.key_begin < 0 || s.key_count < 0 ||
        s.key_begin > keys - s.key_count) {
      return absl::InvalidArgumentError(
          absl::StrCat("attention sequence has keys ", s.key_begin, " + ",
                       s.key_count, ", but there are ", keys, " rows"));
    }
    if (input.visible.empty()) continue;
    for (int64_t i = 0; i < s.query_count; ++i) {
      const int32_t visible = input.visible[s.query_begin + i];
      if (visible < 0 || visible > s.key_count) {
        return absl::InvalidArgumentError(absl::StrCat(
            "attention query ", s.query_begin + i, " sees ", visible,
            " keys of a sequence that has ", s.key_count));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAttentionForward(const AttentionSpec& spec,
                                   const AttentionInput& input, MatrixView out,
                                   MatrixView log_sum_exp) {
  ATTUNE_RETURN_IF_ERROR(CheckAttentionInput(spec, input));
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("attention out", out, input.q.rows(), input.q.cols()));
  return CheckOptionalShape("attention log_sum_exp", log_sum_exp,
                            input.q.rows(), spec.heads);
}

absl::Status CheckAttentionBackward(const AttentionSpec& spec,
                                    const AttentionInput& input,
                                    ConstMatrixView out,
                                    ConstMatrixView log_sum_exp,
                                    ConstMatrixView dout,
                                    const AttentionGradients& gradients) {
  ATTUNE_RETURN_IF_ERROR(CheckAttentionInput(spec, input));
  const int64_t queries = input.q.rows();
  const int64_t keys = input.k.rows();
  const int64_t width = input.q.cols();
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention out", out, queries, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("attention log_sum_exp", log_sum_exp, queries, spec.heads));
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention dout", dout, queries, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("attention dq", gradients.dq, queries, width));
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention dk", gradients.dk, keys, width));
  ATTUNE_RETURN_IF_ERROR(CheckShape("attention dv", gradients.dv, keys, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalShape("attention dposition_bias", gradients.dposition_bias,
                         spec.heads, spec.relative_positions));
  return CheckOptionalShape("attention dtime_bias", gradients.dtime_bias,
                            spec.heads, spec.time_buckets);
}

absl::Status CheckAttentionWeights(const AttentionSpec& spec,
                                   const AttentionInput& input,
                                   MatrixView weights) {
  ATTUNE_RETURN_IF_ERROR(CheckAttentionInput(spec, input));
  if (input.sequences.size() != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("attention weights are made for one sequence, not for ",
                     input.sequences.size()));
  }
  return CheckShape("attention weights", weights, input.q.rows(),
                    input.sequences[0].key_count);
}

absl::Status CheckPooling(int64_t width, int heads, ConstMatrixView values,
                          ConstMatrixView scores, std::span<const int32_t> rows,
                          std::span<const int64_t> offsets,
                          ConstMatrixView out) {
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("pooling values", values, values.rows(), width));
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("pooling scores", scores, values.rows(), heads));
  if (offsets.empty()) {
    return absl::InvalidArgumentError(
        "pooling offsets are empty, expected the number of segments + 1");
  }
  ATTUNE_RETURN_IF_ERROR(CheckShape(
      "pooling out", out, static_cast<int64_t>(offsets.size()) - 1, width));
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    if (offsets[s] > offsets[s + 1]) {
      return absl::InvalidArgumentError(
          absl::StrCat("pooling segment ", s, " begins at ", offsets[s],
                       " and ends at ", offsets[s + 1]));
    }
  }
  if (offsets.front() < 0 ||
      offsets.back() > static_cast<int64_t>(rows.size())) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pooling offsets span [", offsets.front(), ", ", offsets.back(),
        "), but there are ", rows.size(), " entries"));
  }
  for (int64_t t = offsets.front(); t < offsets.back(); ++t) {
    if (rows[t] < 0 || rows[t] >= values.rows()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "pooling entry ", t, " names row ", rows[t], " of ", values.rows()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckCrossEntropy(int64_t width, const CrossEntropyInput& input,
                               MatrixView drows, MatrixView dclasses,
                               std::span<float> dclass_bias) {
  const int64_t rows = input.rows.rows();
  const int64_t classes = input.classes.rows();
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("cross-entropy rows", input.rows, rows, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckShape("cross-entropy classes", input.classes, classes, width));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalLength("cross-entropy class_bias",
                                             input.class_bias.size(), classes));
  ATTUNE_RETURN_IF_ERROR(
      CheckLength("cross-entropy targets", input.targets.size(), rows));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalLength("cross-entropy weights", input.weights.size(), rows));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalLength("cross-entropy excluded",
                                             input.excluded.size(), rows));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalShape("cross-entropy drows", drows, rows, width));
  ATTUNE_RETURN_IF_ERROR(
      CheckOptionalShape("cross-entropy dclasses", dclasses, classes, width));
  ATTUNE_RETURN_IF_ERROR(CheckOptionalLength("cross-entropy dclass_bias",
                                             dclass_bias.size(), classes));
  for (int64_t i = 0; i < rows; ++i) {
    if (input.targets[i] < 0 || input.targets[i] >= classes) {
      return absl::InvalidArgumentError(
          absl::StrCat("cross-entropy row ", i, " has target ",
                       input.targets[i], " of ", classes, " classes"));
    }
    if (input.excluded.empty()) continue;
    for (int32_t index : input.excluded[i]) {
      if (index < 0 || index >= classes || index == input.targets[i]) {
        return absl::InvalidArgumentError(absl::StrCat(
            "cross-entropy row ", i, " with target ", input.targets[i],
            " excludes ", index, " of ", classes, " classes"));
      }
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMatmulTransposed(int64_t width, ConstMatrixView a,
                                   ConstMatrixView b, MatrixView c) {
  ATTUNE_RETURN_IF_ERROR(CheckShape("matmul a", a, a.rows(), width));
  ATTUNE_RETURN_IF_ERROR(CheckShape("matmul b", b, b.rows(), width));
  return CheckShape("matmul c", c, a.rows(), b.rows());
}

}  // namespace attune
