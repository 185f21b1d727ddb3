// A warmed-up request allocates nothing between vectors and scores.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>
#include <vector>

#include "attention/backend.h"
#include "attention/onednn/linear.h"
#include "attention/ops/linear.h"
#include "base/parallel.h"
#include "base/rng.h"
#include "engine/model/scorer.h"

namespace {

std::atomic<int64_t> allocations{0};

void* Allocate(std::size_t size, std::size_t alignment) {
  ++allocations;
  const std::size_t rounded = (size + alignment - 1) / alignment * alignment;
  void* memory = std::aligned_alloc(alignment, std::max(rounded, alignment));
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The array and nothrow forms call these.
void* operator new(std::size_t size) {
  return Allocate(size, alignof(std::max_align_t));
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  return Allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept {
  std::free(memory);
}

namespace attune {
namespace {

class AllocationTest : public ::testing::TestWithParam<const char*> {
 protected:
  static ModelConfig Config() {
    ModelConfig config;
    config.text_buckets = config.attribute_buckets = config.user_buckets = 8;
    config.window = 60;
    config.decoder_blocks = 2;
    config.actions = {"other", "view"};
    config.dense_width = 7;
    config.precision = GetParam();
    return config;
  }

  static std::vector<float> Numbers(uint64_t seed, int64_t count) {
    Rng rng(seed);
    std::vector<float> numbers(count);
    for (float& x : numbers) x = static_cast<float>(rng.Normal());
    return numbers;
  }
};

TEST_P(AllocationTest, AWarmedUpRequestMakesNone) {
  constexpr int64_t kCandidates = 131;
  const ModelConfig config = Config();
  Network network(config);
  const std::vector<float> values = Numbers(1, network.layout().size());
  const auto backend = *MakeBackend();
  ExecutionContext context;
  RunSerial([&] {
    ASSERT_TRUE(network.Prepare(*backend, /*training=*/false).ok());
    ASSERT_TRUE(network.SetWeights(context, values).ok());
  });
  // oneDNN allocates in every execution, which is not ours to count.
  LinearSpec spec{config.width, config.width};
  spec.precision =
      config.precision == "bf16" ? Precision::kBf16 : Precision::kF32;
  if (VectorImplementation(**backend->CreateLinear(spec)).empty()) {
    GTEST_SKIP() << "products are oneDNN's on this machine";
  }

  const Scorer scorer(network, values);
  UserState state(config);
  std::vector<float> x = Numbers(2, kCandidates * config.width);
  std::vector<float> q = Numbers(3, kCandidates * config.width);
  std::vector<float> dense = Numbers(4, kCandidates * config.dense_width);
  std::vector<float> history = Numbers(5, config.window * config.width);
  std::vector<float> match(kCandidates), fusion(kCandidates),
      logits(kCandidates), user(config.width), clock(kClockFeatures, 0.5f);
  std::vector<WindowEvent> events(config.window);
  for (int64_t i = 0; i < config.window; ++i) events[i] = {1, true, i * 60000};
  RequestContext request;
  request.now_ms = config.window * 60000;
  request.has_time = true;
  request.clock = clock;

  const auto score = [&] {
    context.workspace.Reset();
    const int64_t kept = state.final_rows();
    const auto encoded = scorer.Encode(context, state, events,
                                       {history.data() + kept * config.width,
                                        {config.window - kept, config.width}},
                                       request, user);
    if (!encoded.ok()) return encoded.status();
    const CandidateInput candidates = {
        {x.data(), {kCandidates, config.width}},
        {q.data(), {kCandidates, config.width}},
        {dense.data(), {kCandidates, config.dense_width}}};
    scorer.Match(user, candidates.x, match);
    const MatrixView fused(fusion.data(), {kCandidates, 1});
    const absl::Status status = scorer.Fuse(
        context, state, *encoded, user, candidates, FusionMode::kFull, fused);
    if (!status.ok()) return status;
    scorer.Logits(match, fused, {logits.data(), {1, kCandidates}});
    return absl::OkStatus();
  };
  RunSerial([&] {
    for (const bool cold : {true, false}) {
      for (int i = 0; i < 3; ++i) {
        if (cold) state.Reset(0, 0);
        const int64_t before = allocations;
        ASSERT_TRUE(score().ok());
        // The first request learns the peak, the second allocates it at once.
        if (i == 2) {
          EXPECT_EQ(allocations - before, 0) << (cold ? "cold" : "warm");
        }
      }
    }
  });
  // The counter counts.
  const int64_t before = allocations;
  const std::vector<int> something(1000 + events.size());
  EXPECT_GT(allocations - before, 0) << something.size();
}

INSTANTIATE_TEST_SUITE_P(, AllocationTest, ::testing::Values("f32", "bf16"),
                         [](const auto& i) { return std::string(i.param); });

}  // namespace
}  // namespace attune
