#include "attention/ops/attention.h"

#include <algorithm>
#include <cmath>

#include "attention/bfloat16.h"
#include "attention/op_checks.h"
#include "attention/reference/operations.h"
#include "base/status_macros.h"

namespace attune {
namespace {

// kBf16 rounds q, k and v. The weights and every gradient stay f32: they are
// intermediate results, which only a tiled kernel would have to store rounded.
class ReferenceAttention final : public Attention {
 public:
  explicit ReferenceAttention(const AttentionSpec& spec)
      : spec_(spec),
        scale_(1.0 / std::sqrt(static_cast<double>(spec.head_width))) {}

  const AttentionSpec& spec() const override { return spec_; }

  absl::Status Forward(ExecutionContext& context, const AttentionInput& input,
                       MatrixView out, MatrixView log_sum_exp) const override {
    ATTUNE_RETURN_IF_ERROR(
        CheckAttentionForward(spec_, input, out, log_sum_exp));
    ForEachQuery(context, input, [&](const Query& query) {
      const double lse = Probabilities(input, query);
      if (!log_sum_exp.empty()) {
        log_sum_exp(query.row, query.head) = static_cast<float>(lse);
      }
      for (int64_t d = 0; d < spec_.head_width; ++d) {
        const int64_t column = query.column + d;
        double sum = 0.0;
        for (size_t j = 0; j < query.weight.size(); ++j) {
          sum +=
              query.weight[j] * Operand(input.v(query.key_begin + j, column));
        }
        out(query.row, column) = static_cast<float>(sum);
      }
    });
    return absl::OkStatus();
  }

  absl::Status Backward(ExecutionContext& context, const AttentionInput& input,
                        ConstMatrixView out, ConstMatrixView log_sum_exp,
                        ConstMatrixView dout,
                        const AttentionGradients& gradients) const override {
    ATTUNE_RETURN_IF_ERROR(CheckAttentionBackward(
        spec_, input, out, log_sum_exp, dout, gradients));
    ForEachQuery(context, input, [&](const Query& query) {
      Probabilities(input, query);
      // dS_j = P_j (dO·v_j - dO·O); O is made again rather than read from
      // `out`, whose rounding would spoil a comparison with differences.
      double mean = 0.0;
      for (size_t j = 0; j < query.weight.size(); ++j) {
        const int64_t key = query.key_begin + j;
        double dot = 0.0;
        for (int64_t d = 0; d < spec_.head_width; ++d) {
          const int64_t column = query.column + d;
          dot +=
              double{dout(query.row, column)} * Operand(input.v(key, column));
        }
        query.dweight[j] = dot;
        mean += query.weight[j] * dot;
      }
      for (size_t j = 0; j < query.weight.size(); ++j) {
        AddKeyGradients(input, query, j, query.weight[j],
                        query.weight[j] * (query.dweight[j] - mean), dout,
                        gradients);
      }
    });
    return absl::OkStatus();
  }

  absl::Status Weights(ExecutionContext& context, const AttentionInput& input,
                       MatrixView weights) const override {
    ATTUNE_RETURN_IF_ERROR(CheckAttentionWeights(spec_, input, weights));
    for (int64_t i = 0; i < weights.rows(); ++i) {
      std::ranges::fill(weights.row_span(i), 0.0f);
    }
    ForEachQuery(context, input, [&](const Query& query) {
      Probabilities(input, query);
      for (size_t j = 0; j < query.weight.size(); ++j) {
        weights(query.row, j) +=
            static_cast<float>(query.weight[j] / spec_.heads);
      }
    });
    return absl::OkStatus();
  }

 private:
  // One head of one query row and its visible keys.
  struct Query {
    int head;
    int64_t row;
    int64_t column;             // first column of the head
    int64_t key_begin;          // row of its sequence's first key
    std::span<double> weight;   // [visible]
    std::span<double> dweight;  // [visible]
  };

  template <typename Body>
  void ForEachQuery(ExecutionContext& context, const AttentionInput& input,
                    Body body) const {
    for (const AttentionSequence& sequence : input.sequences) {
      Workspace::Scope scope(context.workspace);
      const int64_t keys = sequence.key_count;
      std::span<double> weight = context.workspace.Allocate<double>(keys);
      std::span<double> dweight = context.workspace.Allocate<double>(keys);
      for (int64_t i = 0; i < sequence.query_count; ++i) {
        const int64_t row = sequence.query_begin + i;
        const int64_t visible =
            input.visible.empty() ? keys : input.visible[row];
        for (int h = 0; h < spec_.heads; ++h) {
          body(Query{h, row, int64_t{h} * spec_.head_width, sequence.key_begin,
                     weight.first(visible), dweight.first(visible)});
        }
      }
    }
  }

  int64_t PositionEntry(const Query& query, size_t j) const {
    const int64_t distance = static_cast<int64_t>(query.weight.size() - 1 - j);
    return std::min<int64_t>(spec_.relative_positions - 1, distance);
  }
  int TimeEntry(const AttentionInput& input, const Query& query,
                size_t j) const {
    return TimeBucket(
        input.query_time_ms[query.row] - input.key_time_ms[query.key_begin + j],
        spec_.time_buckets);
  }
  static bool HasTimeBias(const AttentionInput& input) {
    return !input.time_bias.empty() && !input.query_time_ms.empty() &&
           !input.key_time_ms.empty();
  }

  // Fills query.weight; returns the log-sum-exp, -infinity without keys.
  double Probabilities(const AttentionInput& input, const Query& query) const {
    double maximum = -HUGE_VAL;
    for (size_t j = 0; j < query.weight.size(); ++j) {
      const int64_t key = query.key_begin + j;
      double dot = 0.0;
      for (int64_t d = 0; d < spec_.head_width; ++d) {
        const int64_t column = query.column + d;
        dot += double{Operand(input.q(query.row, column))} *
               Operand(input.k(key, column));
      }
      dot *= scale_;
      if (!input.position_bias.empty()) {
        dot += input.position_bias(query.head, PositionEntry(query, j));
      }
      if (HasTimeBias(input)) {
        dot += input.time_bias(query.head, TimeEntry(input, query, j));
      }
      query.weight[j] = dot;
      maximum = std::max(maximum, dot);
    }
    double sum = 0.0;
    for (double& value : query.weight) {
      value = std::exp(value - maximum);
      sum += value;
    }
    for (double& value : query.weight) value /= sum;
    return maximum + std::log(sum);
  }

  void AddKeyGradients(const AttentionInput& input, const Query& query,
                       size_t j, double weight, double dlogit,
                       ConstMatrixView dout,
                       const AttentionGradients& gradients) const {
    const int64_t key = query.key_begin + j;
    for (int64_t d = 0; d < spec_.head_width; ++d) {
      const int64_t column = query.column + d;
      gradients.dv(key, column) +=
          static_cast<float>(weight * dout(query.row, column));
      gradients.dq(query.row, column) +=
          static_cast<float>(dlogit * scale_ * Operand(input.k(key, column)));
      gradients.dk(key, column) += static_cast<float>(
          dlogit * scale_ * Operand(input.q(query.row, column)));
    }
    if (!input.position_bias.empty() && !gradients.dposition_bias.empty()) {
      gradients.dposition_bias(query.head, PositionEntry(query, j)) +=
          static_cast<float>(dlogit);
    }
    if (HasTimeBias(input) && !gradients.dtime_bias.empty()) {
      gradients.dtime_bias(query.head, TimeEntry(input, query, j)) +=
          static_cast<float>(dlogit);
    }
  }

  float Operand(float x) const {
    return spec_.precision == Precision::kBf16 ? RoundToBfloat16(x) : x;
  }

  AttentionSpec spec_;
  double scale_;
};

}  // namespace

std::unique_ptr<Attention> MakeReferenceAttention(const AttentionSpec& spec) {
  return std::make_unique<ReferenceAttention>(spec);
}

}  // namespace attune
