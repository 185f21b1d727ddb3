#include "engine/rank/value_formula.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/rng.h"

namespace attune {
namespace {

using ::testing::HasSubstr;

const std::vector<std::string>& Tasks() {
  static const auto* const tasks = new std::vector<std::string>{"click", "buy"};
  return *tasks;
}

double Sigmoid(double x) { return 1 / (1 + std::exp(-x)); }

// The value for one candidate.
double Value(std::string_view text, float click, float buy) {
  absl::StatusOr<ValueFormula> formula = ValueFormula::Compile(text, Tasks());
  EXPECT_TRUE(formula.ok()) << text << ": " << formula.status();
  if (!formula.ok()) return 0;
  const float logits[] = {click, buy};
  double value = 0;
  formula->Evaluate({logits, {2, 1}}, {&value, 1});
  return value;
}

std::string ErrorOf(std::string_view text) {
  absl::StatusOr<ValueFormula> formula = ValueFormula::Compile(text, Tasks());
  EXPECT_FALSE(formula.ok()) << text;
  EXPECT_EQ(formula.status().code(), absl::StatusCode::kInvalidArgument);
  return std::string(formula.status().message());
}

TEST(ValueFormulaTest, ComputesWhatIsWritten) {
  const float x = 0.7f;
  const float y = -1.5f;
  const double p = Sigmoid(x);
  const double q = Sigmoid(y);
  struct Case {
    const char* text;
    double expected;
  };
  const Case cases[] = {
      {"click", p},
      {"p_click", p},
      {"logit_click", x},
      {"\"buy\"", q},
      {"\"logit_buy\"", y},
      {"click + buy", p + q},
      {"click - buy - 1", p - q - 1},
      {"1 - click * 2", 1 - p * 2},
      {"(1 - click) * 2", (1 - p) * 2},
      {"click / buy / 2", p / q / 2},
      {"-2 ^ 2 + 0 * click", -4},
      {"(-2) ^ 2 + 0 * click", 4},
      {"2 ^ 3 ^ 2 + 0*click", 512},
      {"2 ^ -1 + 0*click", 0.5},
      {"--click", p},
      {"+click", p},
      {"- -click * -1", -p},
      {"min(click, buy, 0.01)", 0.01},
      {"max(click, buy)", p},
      {"max(click)", p},
      {"pow(click, 2)", p * p},
      {"log(click)", std::log(p)},
      {"exp(logit_buy)", std::exp(double{y})},
      {"sqrt(buy)", std::sqrt(q)},
      {"sigmoid(logit_click)", p},
      {".5*click+1e-3 ", .5 * p + 1e-3},
      {"2E1*click", 20 * p},
      {" click\n*\t(1 + 4 * p_buy) ^ 0.5", p * std::sqrt(1 + 4 * q)},
  };
  for (const Case& c : cases) {
    EXPECT_NEAR(Value(c.text, x, y), c.expected, 1e-12) << c.text;
  }
}

TEST(ValueFormulaTest, NamesTheColumnAndBothSidesOfAnError) {
  EXPECT_EQ(ErrorOf("buy + 2clik"),
            "value formula, column 8: expected an operator, not \"c\"");
  EXPECT_EQ(ErrorOf("buy + clik"),
            "value formula, column 7: unknown task \"clik\"; tasks: click, "
            "buy");
  EXPECT_THAT(ErrorOf("logit_clik"), HasSubstr("unknown task \"logit_clik\""));
  EXPECT_THAT(ErrorOf(""), HasSubstr("column 1: expected a number, a task"));
  EXPECT_THAT(ErrorOf("   "), HasSubstr("not the end"));
  EXPECT_THAT(ErrorOf("click +"), HasSubstr("column 8"));
  EXPECT_THAT(ErrorOf("click buy"), HasSubstr("column 7: expected an op"));
  EXPECT_THAT(ErrorOf("(click"),
              HasSubstr("column 7: expected \")\" after the expression, not "
                        "the end"));
  EXPECT_THAT(ErrorOf("click)"), HasSubstr("column 6"));
  EXPECT_THAT(ErrorOf("click ** 2"), HasSubstr("column 8"));
  EXPECT_THAT(ErrorOf("sin(click)"),
              HasSubstr("unknown function \"sin\"; functions: min"));
  EXPECT_THAT(ErrorOf("pow(click)"), HasSubstr("pow takes 2 values, not 1"));
  EXPECT_THAT(ErrorOf("log(click, buy)"),
              HasSubstr("log takes 1 value, not 2"));
  EXPECT_THAT(ErrorOf("min()"), HasSubstr("column 5"));
  EXPECT_THAT(ErrorOf("min(click buy)"),
              HasSubstr("expected \")\" after the arguments, not \"b\""));
  EXPECT_THAT(ErrorOf("1.2.3 * click"), HasSubstr("column 4"));
  EXPECT_THAT(ErrorOf("1e999 * click"), HasSubstr("out of range"));
  EXPECT_THAT(ErrorOf(". * click"), HasSubstr("column 1: expected a number"));
  EXPECT_THAT(ErrorOf("\"click"), HasSubstr("no end"));
  EXPECT_THAT(ErrorOf("1 + 1"), HasSubstr("uses no task; tasks: click, buy"));
  EXPECT_THAT(ErrorOf(std::string_view("click\0", 6)), HasSubstr("column 6"));
}

TEST(ValueFormulaTest, CountsColumnsInCharactersAndTakesNamesOfAnyScript) {
  const std::vector<std::string> tasks = {"购买", "add-to-cart", "p_x", "x"};
  EXPECT_EQ(ValueFormula::Compile("购买 + 点击", tasks).status().message(),
            "value formula, column 6: unknown task \"点击\"; tasks: 购买, "
            "add-to-cart, p_x, x");
  absl::StatusOr<ValueFormula> formula =
      ValueFormula::Compile("购买 + 10 * \"p_add-to-cart\" + 100*p_x", tasks);
  ASSERT_TRUE(formula.ok()) << formula.status();
  EXPECT_TRUE(formula->UsesTask(0));
  EXPECT_TRUE(formula->UsesTask(1));
  EXPECT_TRUE(formula->UsesTask(2)) << "the task p_x itself, not p of x";
  EXPECT_FALSE(formula->UsesTask(3));
  const float logits[] = {0, 50, 0, 50};
  double value = 0;
  formula->Evaluate({logits, {4, 1}}, {&value, 1});
  EXPECT_NEAR(value, 0.5 + 10 + 50, 1e-12);
}

TEST(ValueFormulaTest, BoundsDepthStackAndSize) {
  const std::string deep(31, '(');
  EXPECT_TRUE(
      ValueFormula::Compile(deep + "click" + std::string(31, ')'), Tasks())
          .ok());
  EXPECT_THAT(ErrorOf(std::string(5000, '(')), HasSubstr("5000 bytes"));
  EXPECT_THAT(ErrorOf(std::string(4000, '(') + "click"),
              HasSubstr("nested deeper than 32"));
  EXPECT_THAT(ErrorOf(std::string(4000, '-') + "click"),
              HasSubstr("nested deeper than 32"));
  std::string powers = "click";
  for (int i = 0; i < 1000; ++i) powers += "^2";
  EXPECT_THAT(ErrorOf(powers), HasSubstr("nested deeper than 32"));
  std::string sum = "click";
  for (int i = 0; i < 1000; ++i) sum += "+1";
  EXPECT_EQ(Value(sum, 0, 0), 1000.5);
}

TEST(ValueFormulaTest, AlwaysGivesAFiniteNumber) {
  const double limit = std::numeric_limits<float>::max();
  EXPECT_EQ(Value("log(click - 2)", 0, 0), -limit);
  EXPECT_EQ(Value("0 / (click - 0.5)", 0, 0), -limit) << "0 / 0";
  EXPECT_EQ(Value("1 / (click - 0.5)", 0, 0), limit);
  EXPECT_EQ(Value("-1 / (click - 0.5)", 0, 0), -limit);
  EXPECT_EQ(Value("exp(exp(logit_click))", 60, 0), limit);
  EXPECT_EQ(Value("click * 1e300", 0, 0), limit) << "beyond float's range";
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(Value("click", nan, 0), -limit);
  EXPECT_EQ(Value("min(1, logit_click)", nan, 0), -limit);
  EXPECT_EQ(Value("min(logit_click, 1)", nan, 0), -limit);
  EXPECT_EQ(Value("max(logit_click, 1)", nan, 0), -limit);
  const float inf = std::numeric_limits<float>::infinity();
  EXPECT_EQ(Value("click", inf, 0), 1);
  EXPECT_EQ(Value("click", -inf, 0), 0);

  absl::StatusOr<ValueFormula> formula =
      ValueFormula::Compile("log(logit_click)", Tasks());
  const float logits[] = {1, -1, 2, 0, nan, 5, 5, 5, 5, 5};
  std::vector<double> values(5);
  EXPECT_EQ(formula->Evaluate({logits, {2, 5}}, values), 3);
}

TEST(ValueFormulaTest, ACandidatesValueDoesNotDependOnTheOthers) {
  absl::StatusOr<ValueFormula> formula = ValueFormula::Compile(
      "pow(click, 0.7) * (1 + 4 * buy) / sqrt(1 + exp(logit_buy))", Tasks());
  ASSERT_TRUE(formula.ok());
  Rng rng(7);
  const int64_t count = 1000;  // not a multiple of the block
  std::vector<float> logits(2 * count);
  for (float& logit : logits) logit = static_cast<float>(3 * rng.Normal());
  std::vector<double> together(count);
  EXPECT_EQ(formula->Evaluate({logits.data(), {2, count}}, together), 0);
  for (int64_t c = 0; c < count; ++c) {
    double alone = 0;
    // A view of one column of the same matrix.
    formula->Evaluate({logits.data() + c, {2, 1}, {count, 1}}, {&alone, 1});
    ASSERT_EQ(alone, together[c]) << c;
  }
  EXPECT_EQ(formula->Evaluate({logits.data(), {2, 0}, {count, 1}}, {}), 0);
}

}  // namespace
}  // namespace attune
