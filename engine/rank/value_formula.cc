#include "engine/rank/value_formula.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cmath>
#include <limits>

#include "engine/rank/value_formula_parser.h"

namespace attune {
namespace {

// Candidates per pass over the program: the value stack (32 deep) of a block
// takes 16 KB and stays in the first-level cache.
constexpr int64_t kBlock = 64;
using Column = std::array<double, kBlock>;

// Never overflows: exp is only asked for values <= 0.
double Sigmoid(double x) {
  const double e = std::exp(-std::fabs(x));
  return x >= 0 ? 1.0 / (1.0 + e) : e / (1.0 + e);
}

// Smaller or larger of two, and not a number if either is: std::min's answer
// would depend on the order of its arguments.
double Smaller(double a, double b) {
  return std::isnan(a) || std::isnan(b)
             ? std::numeric_limits<double>::quiet_NaN()
             : std::min(a, b);
}
double Larger(double a, double b) { return -Smaller(-a, -b); }

template <typename Function>
void Unary(Column& a, int64_t count, Function function) {
  for (int64_t i = 0; i < count; ++i) a[i] = function(a[i]);
}

template <typename Function>
void Binary(Column& a, const Column& b, int64_t count, Function function) {
  for (int64_t i = 0; i < count; ++i) a[i] = function(a[i], b[i]);
}

}  // namespace

absl::StatusOr<ValueFormula> ValueFormula::Compile(
    std::string_view text, std::span<const std::string> tasks) {
  return ValueFormulaParser(text, tasks).Parse();
}

int64_t ValueFormula::Evaluate(ConstMatrixView logits,
                               std::span<double> values) const {
  assert(logits.rows() == task_count_);
  assert(logits.cols() == static_cast<int64_t>(values.size()));
  constexpr double kLimit = std::numeric_limits<float>::max();
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): a row at a time
  std::array<Column, kMaxDepth> stack;
  int64_t replaced = 0;
  const int64_t candidates = static_cast<int64_t>(values.size());
  for (int64_t begin = 0; begin < candidates; begin += kBlock) {
    const int64_t count = std::min(kBlock, candidates - begin);
    int top = -1;  // index of the uppermost column
    for (const Step& step : steps_) {
      switch (step.code) {
        case Code::kNumber:
          std::fill_n(stack[++top].begin(), count, step.number);
          continue;
        case Code::kProbability: {
          const float* logit = logits.row(step.task) + begin;
          Column& a = stack[++top];
          for (int64_t i = 0; i < count; ++i) a[i] = Sigmoid(logit[i]);
          continue;
        }
        case Code::kLogit: {
          const float* logit = logits.row(step.task) + begin;
          std::copy_n(logit, count, stack[++top].begin());
          continue;
        }
        case Code::kNegate:
          Unary(stack[top], count, [](double x) { return -x; });
          continue;
        case Code::kLog:
          Unary(stack[top], count, [](double x) { return std::log(x); });
          continue;
        case Code::kExp:
          Unary(stack[top], count, [](double x) { return std::exp(x); });
          continue;
        case Code::kSqrt:
          Unary(stack[top], count, [](double x) { return std::sqrt(x); });
          continue;
        case Code::kSigmoid:
          Unary(stack[top], count, Sigmoid);
          continue;
        default:
          break;
      }
      const Column& b = stack[top--];
      Column& a = stack[top];
      switch (step.code) {
        case Code::kAdd:
          Binary(a, b, count, [](double x, double y) { return x + y; });
          break;
        case Code::kSubtract:
          Binary(a, b, count, [](double x, double y) { return x - y; });
          break;
        case Code::kMultiply:
          Binary(a, b, count, [](double x, double y) { return x * y; });
          break;
        case Code::kDivide:
          Binary(a, b, count, [](double x, double y) { return x / y; });
          break;
        case Code::kPower:
          Binary(a, b, count,
                 [](double x, double y) { return std::pow(x, y); });
          break;
        case Code::kMin:
          Binary(a, b, count, Smaller);
          break;
        case Code::kMax:
          Binary(a, b, count, Larger);
          break;
        default:
          assert(false);
      }
    }
    assert(top == 0);
    for (int64_t i = 0; i < count; ++i) {
      const double value = stack[0][i];
      if (value >= -kLimit && value <= kLimit) {
        values[begin + i] = value;
      } else {
        values[begin + i] = value > kLimit ? kLimit : -kLimit;
        ++replaced;
      }
    }
  }
  return replaced;
}

}  // namespace attune
