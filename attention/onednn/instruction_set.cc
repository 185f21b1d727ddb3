#include "attention/instruction_set.h"

#include <cstdlib>
#include <string>

#include "absl/strings/str_cat.h"
#include "hwy/targets.h"

namespace attune {
namespace {

// Highway's targets are bits. AVX3_DL, which no kernel is compiled for, stands
// for the instructions after AVX-512's first edition.
constexpr int64_t kNewest = HWY_AVX3_DL;

struct Limit {
  std::string_view name;
  int64_t disabled;
};

constexpr Limit kLimits[] = {
    {"portable", HWY_AVX2 | HWY_AVX3 | kNewest},
    {"avx2", HWY_AVX3 | kNewest},
    {"avx512", kNewest},
    {"best", 0},
};

}  // namespace

absl::Status LimitInstructionSet(std::string_view name) {
  std::string known;
  for (const Limit& limit : kLimits) {
    if (limit.name == name) {
      // Not by DisableTargets: with it, every later SupportedTargets() of hwy
      // 1.0.3 makes the undiminished choice again.
      const int64_t left = hwy::SupportedTargets() & ~limit.disabled;
      hwy::SetSupportedTargetsForTest(left | HWY_SCALAR);
      hwy::GetChosenTarget().DeInit();
      return absl::OkStatus();
    }
    absl::StrAppend(&known, known.empty() ? "" : ", ", std::string(limit.name));
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "instruction set \"", std::string(name), "\" is none of ", known));
}

absl::Status LimitInstructionSetFromEnvironment() {
  // Never destroyed: engines may be made while the process ends.
  static const auto* const kStatus = new absl::Status([] {
    // Read once, before any thread of ours.
    const char* name =
        std::getenv("ATTUNE_MAX_CPU_ISA");  // NOLINT(concurrency-mt-unsafe)
    if (name == nullptr || *name == '\0') return absl::OkStatus();
    absl::Status status = LimitInstructionSet(name);
    if (status.ok()) return status;
    return absl::InvalidArgumentError(
        absl::StrCat("ATTUNE_MAX_CPU_ISA: ", status.message()));
  }());
  return *kStatus;
}

bool NewestInstructionsAllowed() {
  return (hwy::SupportedTargets() & kNewest) != 0;
}

}  // namespace attune
