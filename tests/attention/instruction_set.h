#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "hwy/highway.h"

namespace attune {

/// Makes Highway's kernels use the code for one instruction set as long as it
/// lives: the machine of the tests has a better one, others may not.
class ScopedInstructionSet {
 public:
  enum Kind { kBest, kAvx512, kAvx2, kPortable };

  explicit ScopedInstructionSet(Kind kind) {
    // Without the bfloat16 instructions.
    if (kind == kAvx512) Use(HWY_AVX3 | HWY_AVX2 | HWY_SCALAR);
    if (kind == kAvx2) Use(HWY_AVX2 | HWY_SCALAR);
    if (kind == kPortable) Use(HWY_SCALAR);
  }
  ~ScopedInstructionSet() { Use(0); }
  ScopedInstructionSet(const ScopedInstructionSet&) = delete;
  ScopedInstructionSet& operator=(const ScopedInstructionSet&) = delete;

  static bool Available(Kind kind) {
    const int64_t needed = kind == kAvx512 ? HWY_AVX3
                           : kind == kAvx2 ? HWY_AVX2
                                           : 0;
    return (hwy::SupportedTargets() & needed) == needed;
  }
  static std::string Name(Kind kind) {
    constexpr const char* kNames[] = {"Best", "Avx512", "Avx2", "Portable"};
    return kNames[kind];
  }

 private:
  static void Use(int64_t targets) {
    hwy::SetSupportedTargetsForTest(targets);
    hwy::GetChosenTarget().DeInit();
  }
};

/// Runs each case with every instruction set of the kernels.
class InstructionSetTest
    : public ::testing::TestWithParam<ScopedInstructionSet::Kind> {
 protected:
  void SetUp() override {
    if (!ScopedInstructionSet::Available(GetParam())) {
      GTEST_SKIP() << "this machine has no "
                   << ScopedInstructionSet::Name(GetParam());
    }
  }

  ScopedInstructionSet instruction_set_{GetParam()};
};

#define ATTUNE_INSTANTIATE_INSTRUCTION_SETS(Suite)                        \
  INSTANTIATE_TEST_SUITE_P(                                               \
      , Suite,                                                            \
      ::testing::Values(                                                  \
          ScopedInstructionSet::kBest, ScopedInstructionSet::kAvx512,     \
          ScopedInstructionSet::kAvx2, ScopedInstructionSet::kPortable),  \
      [](const ::testing::TestParamInfo<ScopedInstructionSet::Kind>& i) { \
        return ScopedInstructionSet::Name(i.param);                       \
      })

}  // namespace attune
