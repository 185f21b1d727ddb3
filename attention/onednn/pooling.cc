#include "attention/ops/pooling.h"

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "attention/onednn/operations.h"
#include "attention/op_checks.h"
#include "base/status_macros.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "attention/onednn/pooling.cc"
// clang-format off: this include comes first
#include "hwy/foreach_target.h"
// clang-format on
#include "attention/onednn/exp2-inl.h"
#include "attention/onednn/head_tag-inl.h"
#include "hwy/highway.h"

#ifndef ATTUNE_ATTENTION_ONEDNN_POOLING_TYPES_
#define ATTUNE_ATTENTION_ONEDNN_POOLING_TYPES_
namespace attune {

struct PoolingCall {
  ConstMatrixView values;  // [R, D]
  ConstMatrixView scores;  // [R, H]
  std::span<const int32_t> rows;
  std::span<const int64_t> offsets;
  float* weight;   // scratch, entries of the longest segment
  float* dweight;  // the same, for gradients

  int64_t segments() const { return static_cast<int64_t>(offsets.size()) - 1; }
  std::span<const int32_t> segment(int64_t s) const {
    return rows.subspan(offsets[s], offsets[s + 1] - offsets[s]);
  }
};

struct PoolingGradients {
  ConstMatrixView out;   // [S, D]
  ConstMatrixView dout;  // [S, D]
  MatrixView dvalues;    // [R, D]
  MatrixView dscores;    // [R, H]
};

// What BackwardByRow keeps per value row, [R, stride]: the sum of the upper
// gradients of the segments that a row is in, D floats, and behind them one
// float per head; every gradient of the row follows from these.
struct RowSums {
  float* exponentials;  // [R, H]
  float* sums;          // [R, stride], zero
  float* segment;       // [stride], zero: what one segment adds
  int64_t stride;       // a multiple of kRowSumsLanes
};
inline constexpr int64_t kRowSumsLanes = 16;

// Exponents, base 2, between the highest and the lowest score of a head with
// which the sums of a segment are as exact as by its own maximum.
inline constexpr float kMostRange = 80;

}  // namespace attune
#endif

HWY_BEFORE_NAMESPACE();
namespace attune {
namespace HWY_NAMESPACE {
namespace {

namespace hn = hwy::HWY_NAMESPACE;

// weight[t] = softmax over the segment of scores[row_t, head].
void SegmentSoftmax(const PoolingCall& call, std::span<const int32_t> segment,
                    int64_t head) {
  constexpr float kLog2E = 1.4426950408889634f;
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const size_t lanes = hn::Lanes(d);
  float* weight = call.weight;
  const size_t size = segment.size();
  float maximum = -HUGE_VALF;
  for (size_t t = 0; t < size; ++t) {
    weight[t] = call.scores(segment[t], head) * kLog2E;
    maximum = std::max(maximum, weight[t]);
  }
  auto sums = hn::Zero(d);
  size_t t = 0;
  for (; t + lanes <= size; t += lanes) {
    const auto e =
        FastExp2(d, hn::Sub(hn::LoadU(d, weight + t), hn::Set(d, maximum)));
    hn::StoreU(e, d, weight + t);
    sums = hn::Add(sums, e);
  }
  float sum = hn::GetLane(hn::SumOfLanes(d, sums));
  for (; t < size; ++t) {
    const auto e = FastExp2(d1, hn::Set(d1, weight[t] - maximum));
    weight[t] = hn::GetLane(e);
    sum += weight[t];
  }
  const float inverse = 1.0f / sum;
  for (t = 0; t < size; ++t) weight[t] *= inverse;
}

// D's lanes divide the head width, so that no vector crosses a head.
template <class D>
void ForwardHeads(D d, const PoolingCall& call, const MatrixView& out) {
  const int64_t lanes = hn::Lanes(d);
  const int64_t heads = call.scores.cols();
  const int64_t head_width = call.values.cols() / heads;
  for (int64_t s = 0; s < call.segments(); ++s) {
    const std::span<const int32_t> segment = call.segment(s);
    if (segment.empty()) {
      std::ranges::fill(out.row_span(s), 0.0f);
      continue;
    }
    for (int64_t h = 0; h < heads; ++h) {
      SegmentSoftmax(call, segment, h);
      const int64_t end = (h + 1) * head_width;
      for (int64_t c = h * head_width; c < end; c += lanes) {
        auto sum = hn::Zero(d);
        for (size_t t = 0; t < segment.size(); ++t) {
          sum = hn::MulAdd(hn::Set(d, call.weight[t]),
                           hn::LoadU(d, call.values.row(segment[t]) + c), sum);
        }
        hn::StoreU(sum, d, out.row(s) + c);
      }
    }
  }
}

template <class D>
void BackwardHeads(D d, const PoolingCall& call,
                   const PoolingGradients& gradients) {
  const int64_t lanes = hn::Lanes(d);
  const int64_t heads = call.scores.cols();
  const int64_t head_width = call.values.cols() / heads;
  for (int64_t s = 0; s < call.segments(); ++s) {
    const std::span<const int32_t> segment = call.segment(s);
    if (segment.empty()) continue;
    const float* dout = gradients.dout.row(s);
    for (int64_t h = 0; h < heads; ++h) {
      SegmentSoftmax(call, segment, h);
      const int64_t end = (h + 1) * head_width;
      float mean = 0.0f;  // sum_t weight_t dweight_t
      for (size_t t = 0; t < segment.size(); ++t) {
        const float* value = call.values.row(segment[t]);
        float* dvalue = gradients.dvalues.row(segment[t]);
        const auto weight = hn::Set(d, call.weight[t]);
        auto dot = hn::Zero(d);
        for (int64_t c = h * head_width; c < end; c += lanes) {
          const auto upper = hn::LoadU(d, dout + c);
          dot = hn::MulAdd(upper, hn::LoadU(d, value + c), dot);
          hn::StoreU(hn::MulAdd(weight, upper, hn::LoadU(d, dvalue + c)), d,
                     dvalue + c);
        }
        call.dweight[t] = hn::GetLane(hn::SumOfLanes(d, dot));
        mean += call.weight[t] * call.dweight[t];
      }
      for (size_t t = 0; t < segment.size(); ++t) {
        gradients.dscores(segment[t], h) +=
            call.weight[t] * (call.dweight[t] - mean);
      }
    }
  }
}

// exponentials[r, h] = 2^(score - the head's highest), base e scores. False
// where scores lie too far apart for that.
bool Exponentials(const ConstMatrixView& scores, float* exponentials) {
  constexpr float kLog2E = 1.4426950408889634f;
  const hn::ScalableTag<float> d;
  const hn::CappedTag<float, 1> d1;
  const int64_t heads = scores.cols();
  const int64_t size = scores.rows() * heads;
  for (int64_t h = 0; h < heads; ++h) {
    float highest = -HUGE_VALF, lowest = HUGE_VALF;
    for (int64_t r = 0; r < scores.rows(); ++r) {
      highest = std::max(highest, scores(r, h));
      lowest = std::min(lowest, scores(r, h));
    }
    if (!((highest - lowest) * kLog2E <= kMostRange)) return false;
    for (int64_t r = 0; r < scores.rows(); ++r) {
      exponentials[r * heads + h] = (scores(r, h) - highest) * kLog2E;
    }
  }
  int64_t i = 0;
  const int64_t lanes = hn::Lanes(d);
  for (; i + lanes <= size; i += lanes) {
    hn::StoreU(FastExp2(d, hn::LoadU(d, exponentials + i)), d,
               exponentials + i);
  }
  for (; i < size; ++i) {
    exponentials[i] = hn::GetLane(FastExp2(d1, hn::Set(d1, exponentials[i])));
  }
  return true;
}

// A weight is exponential / the segment's sum of them, so a segment adds the
// same numbers to each of its rows, whatever their scores: dout / sum, and per
// head dout · out / sum. The rows' own part comes in once per row. On
// MovieLens' titles it takes a fifth of the time of BackwardHeads.
template <class D>
void SumByRow(D d, const PoolingCall& call, const PoolingGradients& gradients,
              const RowSums& to) {
  const int64_t heads = call.scores.cols();
  const int64_t width = call.values.cols();
  const int64_t head_width = width / heads;
  const int64_t lanes = hn::Lanes(d);
  const hn::CappedTag<float, kRowSumsLanes> whole;
  const int64_t step = hn::Lanes(whole);
  for (int64_t s = 0; s < call.segments(); ++s) {
    const std::span<const int32_t> segment = call.segment(s);
    if (segment.empty()) continue;
    const float* dout = gradients.dout.row(s);
    const float* out = gradients.out.row(s);
    for (int64_t h = 0; h < heads; ++h) {
      float sum = 0;
      for (const int32_t row : segment) {
        sum += to.exponentials[row * heads + h];
      }
      const float inverse = 1.0f / sum;
      auto dot = hn::Zero(d);
      for (int64_t c = h * head_width; c < (h + 1) * head_width; c += lanes) {
        const auto upper = hn::Mul(hn::LoadU(d, dout + c), hn::Set(d, inverse));
        hn::StoreU(upper, d, to.segment + c);
        dot = hn::MulAdd(upper, hn::LoadU(d, out + c), dot);
      }
      to.segment[width + h] = hn::GetLane(hn::SumOfLanes(d, dot));
    }
    for (const int32_t row : segment) {
      float* sums = to.sums + row * to.stride;
      for (int64_t c = 0; c < to.stride; c += step) {
        hn::StoreU(hn::Add(hn::LoadU(whole, sums + c),
                           hn::LoadU(whole, to.segment + c)),
                   whole, sums + c);
      }
    }
  }
}

template <class D>
void GradientsOfRows(D d, const PoolingCall& call,
                     const PoolingGradients& gradients, const RowSums& from) {
  const int64_t heads = call.scores.cols();
  const int64_t width = call.values.cols();
  const int64_t head_width = width / heads;
  const int64_t lanes = hn::Lanes(d);
  for (int64_t r = 0; r < call.values.rows(); ++r) {
    const float* sums = from.sums + r * from.stride;
    const float* value = call.values.row(r);
    float* dvalue = gradients.dvalues.row(r);
    for (int64_t h = 0; h < heads; ++h) {
      const float exponential = from.exponentials[r * heads + h];
      const auto factor = hn::Set(d, exponential);
      auto dot = hn::Zero(d);
      for (int64_t c = h * head_width; c < (h + 1) * head_width; c += lanes) {
        const auto sum = hn::LoadU(d, sums + c);
        dot = hn::MulAdd(sum, hn::LoadU(d, value + c), dot);
        hn::StoreU(hn::MulAdd(factor, sum, hn::LoadU(d, dvalue + c)), d,
                   dvalue + c);
      }
      gradients.dscores(r, h) +=
          exponential * (hn::GetLane(hn::SumOfLanes(d, dot)) - sums[width + h]);
    }
  }
}

// False, with nothing added, where the scores do not allow it.
bool BackwardByRow(const PoolingCall& call, const PoolingGradients& gradients,
                   const RowSums& sums) {
  if (!Exponentials(call.scores, sums.exponentials)) return false;
  WithHeadTag(call.values.cols() / call.scores.cols(), [&](auto d) HWY_ATTR {
    SumByRow(d, call, gradients, sums);
    GradientsOfRows(d, call, gradients, sums);
  });
  return true;
}

void Forward(const PoolingCall& call, const MatrixView& out) {
  WithHeadTag(call.values.cols() / call.scores.cols(),
              [&](auto d) HWY_ATTR { ForwardHeads(d, call, out); });
}

void Backward(const PoolingCall& call, const PoolingGradients& gradients) {
  WithHeadTag(call.values.cols() / call.scores.cols(),
              [&](auto d) HWY_ATTR { BackwardHeads(d, call, gradients); });
}

}  // namespace
}  // namespace HWY_NAMESPACE
}  // namespace attune
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace attune {
namespace {

HWY_EXPORT(Forward);
HWY_EXPORT(Backward);
HWY_EXPORT(BackwardByRow);

RowSums MakeRowSums(Workspace& workspace, const PoolingCall& call) {
  const int64_t rows = call.values.rows();
  const int64_t heads = call.scores.cols();
  const int64_t used = call.values.cols() + heads;
  RowSums sums = {};
  sums.stride = (used + kRowSumsLanes - 1) / kRowSumsLanes * kRowSumsLanes;
  sums.exponentials = workspace.Allocate<float>(rows * heads).data();
  sums.sums = workspace.ZeroMatrix(rows, sums.stride).data();
  sums.segment = workspace.ZeroMatrix(1, sums.stride).data();
  return sums;
}

PoolingCall MakeCall(Workspace& workspace, ConstMatrixView values,
                     ConstMatrixView scores, std::span<const int32_t> rows,
                     std::span<const int64_t> offsets) {
  int64_t longest = 0;
  for (size_t s = 0; s + 1 < offsets.size(); ++s) {
    longest = std::max(longest, offsets[s + 1] - offsets[s]);
  }
  return {values,
          scores,
          rows,
          offsets,
          workspace.Allocate<float>(longest).data(),
          workspace.Allocate<float>(longest).data()};
}

class VectorAttentionPooling final : public AttentionPooling {
 public:
  VectorAttentionPooling(int64_t width, int heads)
      : width_(width), heads_(heads) {}

  absl::Status Forward(ExecutionContext& context, ConstMatrixView values,
                       ConstMatrixView scores, std::span<const int32_t> rows,
                       std::span<const int64_t> offsets,
                       MatrixView out) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckPooling(width_, heads_, values, scores, rows, offsets, out));
    Workspace::Scope scope(context.workspace);
    HWY_DYNAMIC_DISPATCH(Forward)
    (MakeCall(context.workspace, values, scores, rows, offsets), out);
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, ConstMatrixView values,
                        ConstMatrixView scores, std::span<const int32_t> rows,
                        std::span<const int64_t> offsets, ConstMatrixView out,
                        ConstMatrixView dout, MatrixView dvalues,
                        MatrixView dscores) const override {
    for (const ConstMatrixView& of_segments : {out, dout}) {
      ATTUNE_RETURN_IF_ERROR(CheckPooling(width_, heads_, values, scores, rows,
                                          offsets, of_segments));
    }
    Workspace::Scope scope(context.workspace);
    const PoolingCall call =
        MakeCall(context.workspace, values, scores, rows, offsets);
    const PoolingGradients gradients = {out, dout, dvalues, dscores};
    // It goes over all value rows, so the entries must be many.
    if (static_cast<int64_t>(rows.size()) >= values.rows() &&
        HWY_DYNAMIC_DISPATCH(BackwardByRow)(
            call, gradients, MakeRowSums(context.workspace, call))) {
      return absl::OkStatus();
    }
    HWY_DYNAMIC_DISPATCH(Backward)(call, gradients);
    return absl::OkStatus();
  }

 private:
  int64_t width_;
  int heads_;
};

}  // namespace

std::unique_ptr<AttentionPooling> MakeVectorAttentionPooling(int64_t width,
                                                             int heads) {
  return std::make_unique<VectorAttentionPooling>(width, heads);
}

}  // namespace attune
#endif  // HWY_ONCE
