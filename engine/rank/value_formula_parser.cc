#include "engine/rank/value_formula_parser.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/charconv.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"

namespace attune {
namespace {

// Bytes of other scripts are letters: tasks may be named in any language.
bool IsNameStart(char c) {
  return absl::ascii_isalpha(static_cast<unsigned char>(c)) || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool IsNameByte(char c) {
  return IsNameStart(c) || absl::ascii_isdigit(static_cast<unsigned char>(c));
}

bool IsContinuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

}  // namespace

ValueFormulaParser::ValueFormulaParser(std::string_view text,
                                       std::span<const std::string> tasks)
    : text_(text), tasks_(tasks) {
  formula_.text_ = std::string(text);
  formula_.task_count_ = static_cast<int64_t>(tasks.size());
  formula_.uses_task_.assign(tasks.size(), false);
}

absl::StatusOr<ValueFormula> ValueFormulaParser::Parse() {
  if (text_.size() > ValueFormula::kMaxTextBytes) {
    return absl::InvalidArgumentError(
        StrCat("value formula: ", text_.size(), " bytes, at most ",
               ValueFormula::kMaxTextBytes, " are allowed"));
  }
  ATTUNE_RETURN_IF_ERROR(ParseSum(0));
  SkipBlanks();
  if (at_ != text_.size()) {
    return Error(at_, StrCat("expected an operator, not ", Here()));
  }
  if (std::find(formula_.uses_task_.begin(), formula_.uses_task_.end(), true) ==
      formula_.uses_task_.end()) {
    return Error(0,
                 StrCat("uses no task; tasks: ", absl::StrJoin(tasks_, ", ")));
  }
  return std::move(formula_);
}

absl::Status ValueFormulaParser::ParseSum(int depth) {
  if (depth >= ValueFormula::kMaxDepth) {
    return Error(
        at_, StrCat("nested deeper than ", ValueFormula::kMaxDepth, " levels"));
  }
  ATTUNE_RETURN_IF_ERROR(ParseProduct(depth));
  while (true) {
    SkipBlanks();
    const size_t begin = at_;
    if (Accept('+')) {
      ATTUNE_RETURN_IF_ERROR(ParseProduct(depth));
      ATTUNE_RETURN_IF_ERROR(Add({Code::kAdd}, 2, begin));
    } else if (Accept('-')) {
      ATTUNE_RETURN_IF_ERROR(ParseProduct(depth));
      ATTUNE_RETURN_IF_ERROR(Add({Code::kSubtract}, 2, begin));
    } else {
      return absl::OkStatus();
    }
  }
}

absl::Status ValueFormulaParser::ParseProduct(int depth) {
  ATTUNE_RETURN_IF_ERROR(ParseUnary(depth));
  while (true) {
    SkipBlanks();
    const size_t begin = at_;
    if (Accept('*')) {
      ATTUNE_RETURN_IF_ERROR(ParseUnary(depth));
      ATTUNE_RETURN_IF_ERROR(Add({Code::kMultiply}, 2, begin));
    } else if (Accept('/')) {
      ATTUNE_RETURN_IF_ERROR(ParseUnary(depth));
      ATTUNE_RETURN_IF_ERROR(Add({Code::kDivide}, 2, begin));
    } else {
      return absl::OkStatus();
    }
  }
}

absl::Status ValueFormulaParser::ParseUnary(int depth) {
  if (depth >= ValueFormula::kMaxDepth) {
    return Error(
        at_, StrCat("nested deeper than ", ValueFormula::kMaxDepth, " levels"));
  }
  SkipBlanks();
  const size_t begin = at_;
  if (Accept('-')) {
    ATTUNE_RETURN_IF_ERROR(ParseUnary(depth + 1));
    return Add({Code::kNegate}, 1, begin);
  }
  if (Accept('+')) return ParseUnary(depth + 1);
  return ParsePower(depth);
}

absl::Status ValueFormulaParser::ParsePower(int depth) {
  ATTUNE_RETURN_IF_ERROR(ParsePrimary(depth));
  SkipBlanks();
  const size_t begin = at_;
  if (!Accept('^')) return absl::OkStatus();
  // The exponent is a unary, which holds the next power: right to left.
  ATTUNE_RETURN_IF_ERROR(ParseUnary(depth + 1));
  return Add({Code::kPower}, 2, begin);
}

absl::Status ValueFormulaParser::ParsePrimary(int depth) {
  SkipBlanks();
  if (Accept('(')) {
    ATTUNE_RETURN_IF_ERROR(ParseSum(depth + 1));
    return Expect(')', "the expression");
  }
  if (at_ == text_.size()) {
    return Error(at_, "expected a number, a task or \"(\", not the end");
  }
  const char c = text_[at_];
  if (absl::ascii_isdigit(static_cast<unsigned char>(c)) || c == '.') {
    return ParseNumber();
  }
  if (c == '"') return ParseQuotedName();
  if (!IsNameStart(c)) {
    return Error(at_,
                 StrCat("expected a number, a task or \"(\", not ", Here()));
  }
  const size_t begin = at_;
  while (at_ < text_.size() && IsNameByte(text_[at_])) ++at_;
  const std::string_view name = text_.substr(begin, at_ - begin);
  SkipBlanks();
  if (Accept('(')) return ParseCall(name, begin, depth);
  return AddTask(name, begin);
}

absl::Status ValueFormulaParser::ParseNumber() {
  const size_t begin = at_;
  const char* first = text_.data() + at_;
  const char* last = text_.data() + text_.size();
  double number = 0;
  const auto [end, error] = absl::from_chars(first, last, number);
  if (error == std::errc::result_out_of_range) {
    return Error(begin, StrCat("number out of range: ",
                               std::string_view(first, end - first)));
  }
  if (error != std::errc()) {
    return Error(begin, StrCat("expected a number, not ", Here()));
  }
  at_ += end - first;
  // "2click" or "1.2.3" is a slip, not a product.
  if (at_ < text_.size() && (IsNameByte(text_[at_]) || text_[at_] == '.')) {
    return Error(at_, StrCat("expected an operator, not ", Here()));
  }
  return Add({Code::kNumber, 0, number}, 0, begin);
}

absl::Status ValueFormulaParser::ParseCall(std::string_view name, size_t begin,
                                           int depth) {
  struct Function {
    std::string_view name;
    Code code;
    int arguments;  // exactly; 0 = one or more, folded in pairs
  };
  static constexpr Function kFunctions[] = {
      {"min", Code::kMin, 0},         {"max", Code::kMax, 0},
      {"pow", Code::kPower, 2},       {"log", Code::kLog, 1},
      {"exp", Code::kExp, 1},         {"sqrt", Code::kSqrt, 1},
      {"sigmoid", Code::kSigmoid, 1},
  };
  const Function* function = nullptr;
  for (const Function& f : kFunctions) {
    if (f.name == name) function = &f;
  }
  if (function == nullptr) {
    return Error(begin, StrCat("unknown function ", Excerpt(name),
                               "; functions: min, max, pow, log, exp, "
                               "sqrt, sigmoid"));
  }
  int arguments = 0;
  do {
    ATTUNE_RETURN_IF_ERROR(ParseSum(depth + 1));
    ++arguments;
    if (function->arguments == 0 && arguments > 1) {
      ATTUNE_RETURN_IF_ERROR(Add({function->code}, 2, begin));
    }
    SkipBlanks();
  } while (Accept(','));
  ATTUNE_RETURN_IF_ERROR(Expect(')', "the arguments"));
  if (function->arguments == 0) return absl::OkStatus();
  if (arguments != function->arguments) {
    return Error(begin, StrCat(name, " takes ", function->arguments,
                               function->arguments == 1 ? " value" : " values",
                               ", not ", arguments));
  }
  return Add({function->code}, function->arguments, begin);
}

absl::Status ValueFormulaParser::ParseQuotedName() {
  const size_t begin = at_;
  const size_t end = text_.find('"', begin + 1);
  if (end == std::string_view::npos) {
    return Error(begin, "the quoted name has no end");
  }
  at_ = end + 1;
  return AddTask(text_.substr(begin + 1, end - begin - 1), begin);
}

absl::Status ValueFormulaParser::AddTask(std::string_view name, size_t begin) {
  // The whole name first: a task may itself be called "p_something".
  struct Prefix {
    std::string_view prefix;
    Code code;
  };
  static constexpr Prefix kPrefixes[] = {{"", Code::kProbability},
                                         {"p_", Code::kProbability},
                                         {"logit_", Code::kLogit}};
  for (const Prefix& p : kPrefixes) {
    if (!name.starts_with(p.prefix)) continue;
    const std::string_view task = name.substr(p.prefix.size());
    for (size_t k = 0; k < tasks_.size(); ++k) {
      if (tasks_[k] != task) continue;
      formula_.uses_task_[k] = true;
      return Add({p.code, static_cast<int32_t>(k)}, 0, begin);
    }
  }
  return Error(begin, StrCat("unknown task ", Excerpt(name),
                             "; tasks: ", absl::StrJoin(tasks_, ", ")));
}

absl::Status ValueFormulaParser::Add(ValueFormula::Step step, int pops,
                                     size_t begin) {
  stack_ += 1 - pops;
  if (stack_ > ValueFormula::kMaxDepth) {
    return Error(begin, StrCat("needs more than ", ValueFormula::kMaxDepth,
                               " values at a time"));
  }
  formula_.steps_.push_back(step);
  return absl::OkStatus();
}

void ValueFormulaParser::SkipBlanks() {
  while (at_ < text_.size() &&
         absl::ascii_isspace(static_cast<unsigned char>(text_[at_]))) {
    ++at_;
  }
}

bool ValueFormulaParser::Accept(char c) {
  if (at_ == text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

absl::Status ValueFormulaParser::Expect(char c, std::string_view after) {
  SkipBlanks();
  if (Accept(c)) return absl::OkStatus();
  return Error(at_, StrCat("expected \"", std::string_view(&c, 1), "\" after ",
                           after, ", not ", Here()));
}

std::string ValueFormulaParser::Here() const {
  if (at_ == text_.size()) return "the end";
  size_t end = at_ + 1;
  while (end < text_.size() && IsContinuation(text_[end])) ++end;
  return Excerpt(text_.substr(at_, end - at_));
}

absl::Status ValueFormulaParser::Error(size_t begin,
                                       std::string_view what) const {
  const std::string_view before = text_.substr(0, begin);
  const auto column =
      1 + std::count_if(before.begin(), before.end(),
                        [](char c) { return !IsContinuation(c); });
  return absl::InvalidArgumentError(
      StrCat("value formula, column ", column, ": ", what));
}

}  // namespace attune
