#include "attention/instruction_set.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <numeric>
#include <vector>

#include "attention/backend.h"
#include "attention/onednn/bfloat16_linear_kernel.h"
#include "attention/onednn/linear_kernel.h"
#include "hwy/highway.h"

namespace attune {
namespace {

TEST(InstructionSetTest, AnUnknownNameListsTheKnownOnes) {
  const absl::Status status = LimitInstructionSet("sse2");
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(status.message(),
            "instruction set \"sse2\" is none of portable, avx2, avx512, best");
}

// Whether products run as AVX2 code has them: in panels of 16 columns.
bool PanelsAreNarrow() {
  std::vector<float> weight(2 * 32);
  std::iota(weight.begin(), weight.end(), 0.0f);
  std::vector<float> packed(2 * PackedColumns(32));
  PackLinearWeights({weight.data(), {2, 32}}, packed.data());
  return packed[16] == 32.0f;
}

// In processes of their own: a limit stays.
TEST(InstructionSetDeathTest, ALimitTakesWhatIsAboveIt) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto limited = [](const char* name, int64_t gone) {
    const bool ok =
        LimitInstructionSet(name).ok() &&
        LimitInstructionSet("best").ok() &&  // never raises
        (hwy::SupportedTargets() & gone) == 0 && !HasBfloat16Products() &&
        PanelsAreNarrow() == ((gone & HWY_AVX3) != 0 && (gone & HWY_AVX2) == 0);
    std::exit(ok ? 0 : 1);
  };
  EXPECT_EXIT(limited("avx512", 0), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(limited("avx2", HWY_AVX3), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(limited("portable", HWY_AVX3 | HWY_AVX2),
              testing::ExitedWithCode(0), "");
}

TEST(InstructionSetDeathTest, TheEnvironmentIsAskedByTheBackend) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto make = [](const char* value) {
    setenv("ATTUNE_MAX_CPU_ISA", value, 1);
    const auto backend = MakeBackend();
    const bool limited = (hwy::SupportedTargets() & HWY_AVX3) == 0;
    std::exit(!backend.ok() ? 2 : limited ? 1 : 0);
  };
  EXPECT_EXIT(make("avx2"), testing::ExitedWithCode(1), "");
  EXPECT_EXIT(make("avx9"), testing::ExitedWithCode(2), "");
  if ((hwy::SupportedTargets() & HWY_AVX3) != 0) {
    EXPECT_EXIT(make(""), testing::ExitedWithCode(0), "");
  }
}

}  // namespace
}  // namespace attune
