#include "attention/modules/row_ops.h"

#include <cmath>
#include <cstring>

#include "attention/ops/layer_norm.h"

namespace attune {
namespace {

// A product instead of a choice, which would be a branch that is guessed wrong
// for a part of the elements.
void ScaleKept(const uint8_t* __restrict__ kept, float scale,
               float* __restrict__ row, int64_t width) {
  for (int64_t d = 0; d < width; ++d) {
    row[d] *= scale * static_cast<float>(kept[d]);
  }
}

}  // namespace

void AddInto(ConstMatrixView x, MatrixView y) {
  for (int64_t i = 0; i < x.rows(); ++i) {
    const float* from = x.row(i);
    float* to = y.row(i);
    for (int64_t d = 0; d < x.cols(); ++d) to[d] += from[d];
  }
}

void CopyRows(ConstMatrixView x, MatrixView y) {
  for (int64_t i = 0; i < x.rows(); ++i) {
    std::memcpy(y.row(i), x.row(i), sizeof(float) * x.cols());
  }
}

void Dropout(Rng& rng, float rate, MatrixView x, std::span<uint8_t> mask) {
  // One 64-bit draw serves four elements: 16 bits resolve the rate well enough.
  const uint64_t threshold = static_cast<uint64_t>(rate * 65536.0f);
  const int64_t size = x.size();
  Rng draws = rng;  // bytes may alias everything but a copy
  int64_t n = 0;
  for (; n + 4 <= size; n += 4) {
    const uint64_t bits = draws.Next();
    mask[n] = (bits & 0xffff) >= threshold;
    mask[n + 1] = (bits >> 16 & 0xffff) >= threshold;
    mask[n + 2] = (bits >> 32 & 0xffff) >= threshold;
    mask[n + 3] = bits >> 48 >= threshold;
  }
  if (n < size) {
    uint64_t bits = draws.Next();
    for (; n < size; ++n, bits >>= 16) mask[n] = (bits & 0xffff) >= threshold;
  }
  rng = draws;
  DropoutBackward(rate, mask, x);
}

void DropoutBackward(float rate, std::span<const uint8_t> mask, MatrixView dx) {
  const float scale = 1.0f / (1.0f - rate);
  const uint8_t* kept = mask.data();
  for (int64_t i = 0; i < dx.rows(); ++i, kept += dx.cols()) {
    ScaleKept(kept, scale, dx.row(i), dx.cols());
  }
}

void GatherAdd(ConstMatrixView table, std::span<const int32_t> rows,
               MatrixView out) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0) continue;
    const float* from = table.row(rows[i]);
    float* to = out.row(static_cast<int64_t>(i));
    for (int64_t d = 0; d < out.cols(); ++d) to[d] += from[d];
  }
}

void ScatterAdd(ConstMatrixView dout, std::span<const int32_t> rows,
                MatrixView dtable) {
  for (size_t i = 0; i < rows.size(); ++i) {
    if (rows[i] < 0) continue;
    const float* from = dout.row(static_cast<int64_t>(i));
    float* to = dtable.row(rows[i]);
    for (int64_t d = 0; d < dout.cols(); ++d) to[d] += from[d];
  }
}

void BagMeanAdd(ConstMatrixView table, std::span<const int32_t> rows,
                std::span<const int64_t> offsets, MatrixView out) {
  for (int64_t s = 0; s + 1 < static_cast<int64_t>(offsets.size()); ++s) {
    const int64_t count = offsets[s + 1] - offsets[s];
    if (count == 0) continue;
    const float weight = 1.0f / static_cast<float>(count);
    float* to = out.row(s);
    for (int64_t t = offsets[s]; t < offsets[s + 1]; ++t) {
      const float* from = table.row(rows[t]);
      for (int64_t d = 0; d < out.cols(); ++d) to[d] += weight * from[d];
    }
  }
}

void BagMeanBackward(ConstMatrixView dout, std::span<const int32_t> rows,
                     std::span<const int64_t> offsets, MatrixView dtable) {
  for (int64_t s = 0; s + 1 < static_cast<int64_t>(offsets.size()); ++s) {
    const int64_t count = offsets[s + 1] - offsets[s];
    if (count == 0) continue;
    const float weight = 1.0f / static_cast<float>(count);
    const float* from = dout.row(s);
    for (int64_t t = offsets[s]; t < offsets[s + 1]; ++t) {
      float* to = dtable.row(rows[t]);
      for (int64_t d = 0; d < dout.cols(); ++d) to[d] += weight * from[d];
    }
  }
}

namespace {

struct RowStatistics {
  float mean;
  float reciprocal_deviation;
};

RowStatistics Statistics(const float* row, int64_t width) {
  float sum = 0;
  for (int64_t d = 0; d < width; ++d) sum += row[d];
  const float mean = sum / static_cast<float>(width);
  float squares = 0;
  for (int64_t d = 0; d < width; ++d) {
    squares += (row[d] - mean) * (row[d] - mean);
  }
  return {mean, 1.0f / std::sqrt(squares / static_cast<float>(width) +
                                 LayerNorm::kEpsilon)};
}

}  // namespace

void StandardizeRows(ConstMatrixView x, MatrixView y) {
  for (int64_t i = 0; i < x.rows(); ++i) {
    const float* from = x.row(i);
    const RowStatistics s = Statistics(from, x.cols());
    float* to = y.row(i);
    for (int64_t d = 0; d < x.cols(); ++d) {
      to[d] = (from[d] - s.mean) * s.reciprocal_deviation;
    }
  }
}

void StandardizeRowsBackward(ConstMatrixView x, ConstMatrixView dy,
                             MatrixView dx) {
  const float reciprocal_width = 1.0f / static_cast<float>(x.cols());
  for (int64_t i = 0; i < x.rows(); ++i) {
    const float* input = x.row(i);
    const RowStatistics s = Statistics(input, x.cols());
    const float* out_gradient = dy.row(i);
    float sum = 0, dot = 0;
    for (int64_t d = 0; d < x.cols(); ++d) {
      sum += out_gradient[d];
      dot += out_gradient[d] * (input[d] - s.mean) * s.reciprocal_deviation;
    }
    sum *= reciprocal_width;
    dot *= reciprocal_width;
    float* to = dx.row(i);
    for (int64_t d = 0; d < x.cols(); ++d) {
      const float normal = (input[d] - s.mean) * s.reciprocal_deviation;
      to[d] = (out_gradient[d] - sum - normal * dot) * s.reciprocal_deviation;
    }
  }
}

}  // namespace attune
