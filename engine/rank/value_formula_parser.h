#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/rank/value_formula.h"

namespace attune {

/// Recursive descent over the grammar of ValueFormula; used by Compile only.
/// One parser for one text, which must outlive it.
class ValueFormulaParser {
 public:
  ValueFormulaParser(std::string_view text, std::span<const std::string> tasks);

  absl::StatusOr<ValueFormula> Parse();

 private:
  using Code = ValueFormula::Code;

  absl::Status ParseSum(int depth);
  absl::Status ParseProduct(int depth);
  absl::Status ParseUnary(int depth);
  absl::Status ParsePower(int depth);
  absl::Status ParsePrimary(int depth);
  absl::Status ParseNumber();
  absl::Status ParseCall(std::string_view name, size_t begin, int depth);
  absl::Status ParseQuotedName();
  absl::Status AddTask(std::string_view name, size_t begin);
  absl::Status Add(ValueFormula::Step step, int pops, size_t begin);

  void SkipBlanks();
  bool Accept(char c);
  absl::Status Expect(char c, std::string_view after);
  /// What stands at the cursor, for messages: `")"`, or `the end`.
  std::string Here() const;
  /// InvalidArgument with the column of byte `begin`.
  absl::Status Error(size_t begin, std::string_view what) const;

  std::string_view text_;
  std::span<const std::string> tasks_;
  ValueFormula formula_;
  size_t at_ = 0;  // next byte
  int stack_ = 0;  // values on the stack after the steps so far
};

}  // namespace attune
