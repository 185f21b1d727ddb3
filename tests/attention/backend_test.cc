#include "attention/backend.h"

#include <gtest/gtest.h>
#include <xmmintrin.h>

#include "base/parallel.h"
#include "tests/attention/attention_case.h"
#include "tests/attention/expect_close.h"

namespace attune {
namespace {

TEST(BackendTest, NamesChooseWhereTheListStarts) {
  EXPECT_EQ((*MakeBackend())->name(), "onednn");
  EXPECT_EQ((*MakeBackend("onednn"))->name(), "onednn");
  EXPECT_EQ((*MakeBackend("reference"))->name(), "reference");
}

TEST(BackendTest, AnUnknownNameListsTheKnownOnes) {
  const auto backend = MakeBackend("cuda");
  EXPECT_EQ(backend.status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(backend.status().message(),
            "no compute back-end \"cuda\"; known are onednn, reference");
}

TEST(BackendTest, AWrongSpecIsRefusedByAll) {
  for (const char* name : {"reference", "onednn"}) {
    const auto backend = *MakeBackend(name);
    for (const absl::Status& status :
         {backend->CreateLinear({0, 1}).status(),
          backend->CreateLayerNorm(0).status(),
          backend->CreateAttention({2, 0}).status(),
          backend->CreateAttentionPooling(10, 3).status(),
          backend->CreateCrossEntropy(-1).status(),
          backend->CreateMatmulTransposed(0).status()}) {
      EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
    }
  }
}

// The host's rounding and denormal modes are its own.
TEST(BackendTest, LeavesTheFloatingPointModeAlone) {
  const unsigned before = _mm_getcsr() & ~0x3fu;  // without exception flags
  const auto backend = *MakeBackend();
  ExecutionContext context;
  for (Precision precision : {Precision::kF32, Precision::kBf16}) {
    RunSerial([&] {
      auto linear = *backend->CreateLinear(
          {16, 16, true, ActivationKind::kGeluTanh, precision});
      TestMatrix x = TestMatrix::Filled(40, 16, 0.5f);
      TestMatrix y(40, 16);
      ASSERT_TRUE(linear
                      ->SetWeights(TestMatrix::Filled(16, 16, 0.1f).view(),
                                   std::vector<float>(16))
                      .ok());
      ASSERT_TRUE(linear->Forward(context, x.view(), y.view()).ok());
      EXPECT_EQ(_mm_getcsr() & ~0x3fu, before);
      const AttentionData data({2, 8, {{5, 9}}}, precision, 1);
      auto attention = *backend->CreateAttention(data.spec);
      TestMatrix out(data.q.view().rows(), 16);
      ASSERT_TRUE(attention->Forward(context, data.input(), out.view()).ok());
    });
    EXPECT_EQ(_mm_getcsr() & ~0x3fu, before);
  }
}

// One prepared object, many threads, a context each: the memory objects that a
// product borrows and the weights that gradients unpack are shared.
TEST(BackendTest, OneObjectServesManyThreads) {
  const auto backend = *MakeBackend();
  Rng rng(8);
  auto linear = *backend->CreateLinear({64, 48});
  ASSERT_TRUE(linear
                  ->SetWeights(TestMatrix::Random(rng, 64, 48).view(),
                               std::vector<float>(48, 0.5f))
                  .ok());
  const AttentionData data({4, 16, {{70, 90}}}, Precision::kF32, 2);
  auto attention = *backend->CreateAttention(data.spec);
  const TestMatrix x = TestMatrix::Random(rng, 300, 64);
  constexpr int kTasks = 32;
  std::vector<TestMatrix> y(kTasks, TestMatrix::Filled(300, 48, 0.0f));
  std::vector<TestMatrix> dx(kTasks, TestMatrix::Filled(300, 64, 0.0f));
  std::vector<TestMatrix> out(kTasks,
                              TestMatrix::Filled(data.q.view().rows(), 64, 0));
  ThreadPool pool(4);
  pool.ParallelFor(kTasks, [&](int64_t task) {
    ExecutionContext context;
    EXPECT_TRUE(linear->Forward(context, x.view(), y[task].view()).ok());
    EXPECT_TRUE(linear
                    ->Backward(context, x.view(), y[task].view(),
                               dx[task].view(), {}, {})
                    .ok());
    EXPECT_TRUE(
        attention->Forward(context, data.input(), out[task].view()).ok());
  });
  for (int task = 1; task < kTasks; ++task) {
    ExpectIdentical(y[task].view(), y[0].view());
    ExpectIdentical(dx[task].view(), dx[0].view());
    ExpectIdentical(out[task].view(), out[0].view());
  }
}

// Warmed up, a call takes its memory from the workspace that is already there.
TEST(BackendTest, AWarmCallDoesNotGrowTheWorkspace) {
  const auto backend = *MakeBackend();
  ExecutionContext context;
  auto linear = *backend->CreateLinear({64, 64});
  ASSERT_TRUE(linear
                  ->SetWeights(TestMatrix::Filled(64, 64, 0.1f).view(),
                               std::vector<float>(64))
                  .ok());
  const AttentionData data({4, 16, {{100, 150}}, Sight::kRandom, 16, 16},
                           Precision::kBf16, 1);
  auto attention = *backend->CreateAttention(data.spec);
  TestMatrix x = TestMatrix::Filled(101, 64, 0.5f);
  TestMatrix y(101, 64);
  const auto run = [&] {
    context.workspace.Reset();
    RunSerial([&] {
      ASSERT_TRUE(linear->Forward(context, x.view(), y.view()).ok());
      ASSERT_TRUE(attention->Forward(context, data.input(), y.view()).ok());
    });
    EXPECT_EQ(context.workspace.used_bytes(), 0u);
  };
  run();
  run();
  const size_t capacity = context.workspace.capacity_bytes();
  for (int i = 0; i < 3; ++i) run();
  EXPECT_EQ(context.workspace.capacity_bytes(), capacity);
}

}  // namespace
}  // namespace attune
