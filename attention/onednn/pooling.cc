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
  ConstMatrixView dout;  // [S, D]
  MatrixView dvalues;    // [R, D]
  MatrixView dscores;    // [R, H]
};

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
                        std::span<const int64_t> offsets, ConstMatrixView dout,
                        MatrixView dvalues, MatrixView dscores) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckPooling(width_, heads_, values, scores, rows, offsets, dout));
    Workspace::Scope scope(context.workspace);
    HWY_DYNAMIC_DISPATCH(Backward)
    (MakeCall(context.workspace, values, scores, rows, offsets),
     {dout, dvalues, dscores});
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
