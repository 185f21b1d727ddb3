#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/tensor_view.h"

namespace attune {

/// Turns the task logits of a candidate into the one number it is ranked by.
///
///   formula  := arithmetic with + - * / ^, parentheses and unary minus;
///               ^ binds tighter than unary minus (-2^2 = -4), right to left
///   numbers  := 2, .5, 1e-3
///   names    := click or p_click: the task's probability, sigmoid(logit);
///               logit_click: its logit; "add-to-cart": a name that is not made
///               of letters, digits and _ stands in double quotes. p_next is
///               sigmoid(logit_next), too, which is no probability: that would
///               need the other candidates (task_probabilities.h), and a value
///               must not depend on them. Take logit_next.
///   functions:= min(a, b, …), max(a, b, …), pow(a, b), log, exp, sqrt, sigmoid
///
/// Example: p_click * (1 + 4 * p_buy) ^ 0.5.
///
/// Compiled once into a short postfix program. Immutable, so thread-safe.
class ValueFormula {
 public:
  static constexpr size_t kMaxTextBytes = 4096;
  static constexpr int kMaxDepth = 32;  ///< of nesting and of the value stack

  /// `tasks` in the order of the logit rows. InvalidArgument with the column
  /// (in characters, from 1): `value formula, column 7: unknown task "clik";
  /// tasks: click, buy`. A formula that uses no task is an error too: it would
  /// rank by item id.
  static absl::StatusOr<ValueFormula> Compile(
      std::string_view text, std::span<const std::string> tasks);

  /// logits [K, C], row k for task k; values [C]. Does not allocate. Each value
  /// depends on its own column only.
  ///
  /// A value is always finite, within float's range, so that it can be sorted
  /// and handed out as a float: a result that is not a number (log of a
  /// negative, 0 / 0, a broken logit) becomes the lowest float, overflow its
  /// own end of the range. Returns how many candidates were replaced so.
  int64_t Evaluate(ConstMatrixView logits, std::span<double> values) const;

  const std::string& text() const { return text_; }
  int64_t task_count() const { return task_count_; }
  /// Whether the formula reads task k, so that other heads may be left out.
  bool UsesTask(int64_t k) const { return uses_task_[k]; }

 private:
  friend class ValueFormulaParser;

  enum class Code : uint8_t {
    kNumber,
    kProbability,
    kLogit,
    kAdd,
    kSubtract,
    kMultiply,
    kDivide,
    kPower,
    kNegate,
    kMin,
    kMax,
    kLog,
    kExp,
    kSqrt,
    kSigmoid,
  };
  struct Step {
    Code code = Code::kNumber;
    int32_t task = 0;   // kProbability, kLogit
    double number = 0;  // kNumber
  };

  ValueFormula() = default;

  std::string text_;
  int64_t task_count_ = 0;
  std::vector<bool> uses_task_;
  std::vector<Step> steps_;
};

}  // namespace attune
