#include "base/stage_clock.h"

#include <numeric>

namespace attune {

std::string_view StageName(Stage stage) {
  constexpr std::array<std::string_view, kRequestStages> kNames = {
      "read", "assemble", "encode", "decode", "fuse", "rank"};
  return kNames[static_cast<size_t>(stage)];
}

void StageClock::LapAs(const StageTimes& work) {
  if (!running()) return;
  const int64_t now_ns = MonotonicNs();
  const double elapsed_ns = static_cast<double>(now_ns - last_ns_);
  last_ns_ = now_ns;
  const int64_t whole = std::accumulate(work.begin(), work.end(), int64_t{0});
  if (whole <= 0) return;
  for (size_t s = 0; s < kRequestStages; ++s) {
    const double share =
        static_cast<double>(work[s]) / static_cast<double>(whole);
    times_[s] += static_cast<int64_t>(share * elapsed_ns);
  }
}

}  // namespace attune
