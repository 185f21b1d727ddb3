#include "attention/ops/linear.h"

#include <gtest/gtest.h>

#include <optional>

#include "attention/backend.h"
#include "attention/onednn/linear.h"
#include "attention/onednn/operations.h"
#include "base/parallel.h"
#include "tests/attention/expect_close.h"
#include "tests/attention/instruction_set.h"
#include "tests/attention/test_matrix.h"

namespace attune {
namespace {

struct Case {
  int64_t rows, in, out;
  ActivationKind activation = ActivationKind::kNone;
  bool bias = true;
  int64_t padding = 0;  // between the rows of x, y and the residual
};

const Case kCases[] = {
    {0, 8, 8},
    {1, 1, 1},
    {1, 64, 64},
    {2, 3, 5, ActivationKind::kNone, false},
    {31, 16, 16, ActivationKind::kRelu},
    {32, 64, 192},
    {33, 64, 64, ActivationKind::kSilu},
    {77, 67, 45, ActivationKind::kGeluTanh, true, 3},
    {129, 256, 64, ActivationKind::kNone, true, 16},
    {244, 64, 64, ActivationKind::kSigmoid, false, 1},
    {300, 64, 1},
    {500, 64, 256, ActivationKind::kGeluTanh},
    {601, 96, 33, ActivationKind::kRelu, false},
    {40, 512, 512},
    {70, 1024, 40},  // oneDNN sums in two parts
    {30, 5, 2, ActivationKind::kSigmoid},
    {11, 544, 128, ActivationKind::kGeluTanh},
    {3, 65, 130, ActivationKind::kGeluTanh},
};

enum class Residual { kNone, kSeparate, kInPlace };

// Both precisions within a few roundings of sums of f32: the reference rounds
// the operands to bf16 in the same way, so that what bf16 loses is in both.
constexpr double kTolerance = 1e-5;

using Make = absl::StatusOr<std::unique_ptr<Linear>> (*)(const LinearSpec&);

// The back-end's choice is one of the two.
const std::pair<const char*, Make> kMakers[] = {
    {"oneDNN", MakeOneDnnLinear},
    {"vector",
     [](const LinearSpec& spec) -> absl::StatusOr<std::unique_ptr<Linear>> {
       return MakeVectorLinear(spec);
     }},
};

class LinearTest : public InstructionSetTest {
 protected:
  static std::vector<std::pair<Precision, Case>> AllCases() {
    std::vector<std::pair<Precision, Case>> all;
    for (Precision precision : {Precision::kF32, Precision::kBf16}) {
      for (const Case& c : kCases) all.emplace_back(precision, c);
    }
    return all;
  }

  static LinearSpec Spec(const Case& c, Precision precision) {
    return {c.in, c.out, c.bias, c.activation, precision};
  }

  static std::unique_ptr<Linear> Created(
      absl::StatusOr<std::unique_ptr<Linear>> linear) {
    EXPECT_TRUE(linear.ok()) << linear.status();
    return linear.ok() ? *std::move(linear) : nullptr;
  }

  std::unique_ptr<Backend> reference_ = MakeReferenceBackend();
  ExecutionContext context_;
};

TEST_P(LinearTest, ForwardIsAsReference) {
  for (const auto& [name, make] : kMakers) {
    Rng rng(1);
    for (const auto& [precision, c] : AllCases()) {
      SCOPED_TRACE(testing::Message()
                   << name << " " << c.rows << " x " << c.in << " x " << c.out
                   << (precision == Precision::kBf16 ? " bf16" : " f32"));
      const auto truth = Created(reference_->CreateLinear(Spec(c, precision)));
      const auto linear = Created(make(Spec(c, precision)));
      ASSERT_TRUE(truth && linear);
      const TestMatrix weight =
          TestMatrix::Random(rng, c.in, c.out, 0, 1 / std::sqrt(c.in));
      const auto bias = RandomVector(rng, c.bias ? c.out : 0);
      ASSERT_TRUE(truth->SetWeights(weight.view(), bias).ok());
      ASSERT_TRUE(linear->SetWeights(weight.view(), bias).ok());
      const TestMatrix x = TestMatrix::Random(rng, c.rows, c.in, c.padding);
      const TestMatrix addend =
          TestMatrix::Random(rng, c.rows, c.out, c.padding);
      for (Residual residual :
           {Residual::kNone, Residual::kSeparate, Residual::kInPlace}) {
        TestMatrix expected(c.rows, c.out);
        ASSERT_TRUE(truth
                        ->Forward(context_, x.view(), expected.view(),
                                  residual == Residual::kNone
                                      ? ConstMatrixView()
                                      : addend.view())
                        .ok());
        TestMatrix y = residual == Residual::kInPlace
                           ? addend
                           : TestMatrix(c.rows, c.out, c.padding);
        ConstMatrixView added;
        if (residual == Residual::kSeparate) added = addend.view();
        if (residual == Residual::kInPlace) added = y.view();
        absl::Status status;
        RunSerial([&] {
          status = linear->Forward(context_, x.view(), y.view(), added);
        });
        ASSERT_TRUE(status.ok()) << status;
        ExpectClose(y.view(), expected.view(), kTolerance);
        EXPECT_TRUE(y.padding_intact());
      }
    }
  }
}

TEST_P(LinearTest, BackwardIsAsReference) {
  for (const auto& [maker, make] : kMakers) {
    Rng rng(2);
    for (auto [precision, c] : AllCases()) {
      c.activation = ActivationKind::kNone;
      SCOPED_TRACE(testing::Message()
                   << maker << " " << c.rows << " x " << c.in << " x " << c.out
                   << (precision == Precision::kBf16 ? " bf16" : " f32"));
      const TestMatrix weight = TestMatrix::Random(rng, c.in, c.out);
      const auto bias = RandomVector(rng, c.bias ? c.out : 0);
      const TestMatrix x = TestMatrix::Random(rng, c.rows, c.in, c.padding);
      const TestMatrix dy = TestMatrix::Random(rng, c.rows, c.out, c.padding);
      struct Gradients {
        TestMatrix dx, dweight;
        std::vector<float> dbias;
      };
      std::vector<Gradients> results;
      for (const bool is_truth : {true, false}) {
        const auto linear =
            Created(is_truth ? reference_->CreateLinear(Spec(c, precision))
                             : make(Spec(c, precision)));
        ASSERT_TRUE(linear);
        // Twice, so that weights kept from the first time would show.
        const TestMatrix other = TestMatrix::Random(rng, c.in, c.out);
        Gradients g{TestMatrix(c.rows, c.in, c.padding),
                    TestMatrix::Filled(c.in, c.out, 0.5f, c.padding),
                    std::vector<float>(c.out, 0.25f)};
        RunSerial([&] {
          ASSERT_TRUE(linear->SetWeights(other.view(), bias).ok());
          ASSERT_TRUE(
              linear
                  ->Backward(context_, x.view(), dy.view(), g.dx.view(), {}, {})
                  .ok());
          ASSERT_TRUE(linear->SetWeights(weight.view(), bias).ok());
          const absl::Status status =
              linear->Backward(context_, x.view(), dy.view(), g.dx.view(),
                               g.dweight.view(), g.dbias);
          ASSERT_TRUE(status.ok()) << status;
        });
        EXPECT_TRUE(g.dx.padding_intact() && g.dweight.padding_intact());
        results.push_back(std::move(g));
      }
      ExpectClose(results[1].dx.view(), results[0].dx.view(), kTolerance);
      ExpectClose(results[1].dweight.view(), results[0].dweight.view(),
                  kTolerance);
      ExpectClose(results[1].dbias, results[0].dbias, kTolerance);
    }
  }
}

ATTUNE_INSTANTIATE_INSTRUCTION_SETS(LinearTest);

// oneDNN takes a slow implementation without a word when a shape displeases it.
TEST(LinearImplementationTest, IsGeneratedCode) {
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    for (auto [in, out] : {std::pair{64, 64},
                           {64, 256},
                           {256, 64},
                           {512, 512},
                           {67, 45},
                           {16, 1}}) {
      auto linear = MakeOneDnnLinear(
          {in, out, true, ActivationKind::kGeluTanh, precision});
      ASSERT_TRUE(linear.ok()) << linear.status();
      const auto names = OneDnnImplementations(**linear);
      EXPECT_EQ(names.size(), 8u);
      for (const std::string& name : names) {
        EXPECT_EQ(name.find("ref"), std::string::npos) << name;
        // Without AVX-512 the f32 products of oneDNN 3.2 are its gemm.
        if (__builtin_cpu_supports("avx512bw")) {
          EXPECT_EQ(name.rfind("brg:", 0), 0u) << in << " x " << out << name;
        }
      }
    }
  }
}

// bf16 goes to AMX where there is AMX, else to VDPBF16PS where that is; f32 is
// ours.
TEST(LinearImplementationTest, TheBackendTakesTheFastest) {
  const auto backend = MakeOneDnnBackend();
  LinearSpec spec{64, 64};
  EXPECT_EQ(VectorImplementation(**backend->CreateLinear(spec)), "vector:f32");
  spec.precision = Precision::kBf16;
  const auto linear = *backend->CreateLinear(spec);
  const auto names = OneDnnImplementations(*linear);
  if (!names.empty()) {
    EXPECT_NE(names[0].find("amx"), std::string::npos) << names[0];
  } else if (__builtin_cpu_supports("avx512bf16")) {
    EXPECT_EQ(VectorImplementation(*linear), "vector:avx512_bf16");
  } else {
    EXPECT_EQ(VectorImplementation(*linear), "vector:f32");
  }
}

TEST(LinearErrorTest, RefusesWrongSizesWithBothValues) {
  for (const char* name : {"reference", "onednn"}) {
    auto backend = MakeBackend(name);
    ASSERT_TRUE(backend.ok());
    auto linear = (*backend)->CreateLinear({4, 3});
    ASSERT_TRUE(linear.ok()) << linear.status();
    ExecutionContext context;
    TestMatrix x = TestMatrix::Filled(2, 4, 1.0f);
    TestMatrix y(2, 3);
    RunSerial([&] {
      EXPECT_EQ((*linear)->Forward(context, x.view(), y.view()).code(),
                absl::StatusCode::kFailedPrecondition);
      const TestMatrix wrong = TestMatrix::Filled(3, 4, 1.0f);
      const absl::Status status =
          (*linear)->SetWeights(wrong.view(), std::vector<float>(3));
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
      EXPECT_EQ(status.message(), "linear weight is [3, 4], expected [4, 3]");
      const TestMatrix right = TestMatrix::Filled(4, 3, 1.0f);
      EXPECT_EQ((*linear)->SetWeights(right.view(), {}).code(),
                absl::StatusCode::kInvalidArgument);
      ASSERT_TRUE(
          (*linear)->SetWeights(right.view(), std::vector<float>(3)).ok());
      EXPECT_EQ((*linear)->Forward(context, y.view(), x.view()).code(),
                absl::StatusCode::kInvalidArgument);
    });
    EXPECT_EQ((*backend)->CreateLinear({0, 3}).status().code(),
              absl::StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace attune
