#include "tools/attune/bench_load.h"

#include <sys/prctl.h>

#include <chrono>
#include <cmath>
#include <future>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/rng.h"

namespace attune {
namespace {

/// Runs `caller` on so many threads until each is done; the first error. What
/// a caller throws is thrown here.
template <typename Caller>
absl::Status OnThreads(int threads, const Caller& caller) {
  std::vector<std::future<absl::Status>> running;
  for (int t = 0; t < threads; ++t) {
    running.push_back(std::async(std::launch::async, caller));
  }
  absl::Status first;
  for (std::future<absl::Status>& one : running) {
    absl::Status status = one.get();
    if (first.ok()) first = std::move(status);
  }
  return first;
}

struct Answer {
  int64_t done_ns = 0;
  bool warm = false;
  StageTimes stages = {};
};

absl::StatusOr<Answer> Ask(Engine& engine, const v1::RankRequest& request) {
  Answer answer;
  CallOptions options;
  options.stages = &answer.stages;
  const absl::StatusOr<v1::RankResponse> response =
      engine.Rank(request, options);
  answer.done_ns = MonotonicNs();
  if (!response.ok()) return response.status();
  answer.warm = response->warm();
  return answer;
}

/// The schedule, taken from by all callers.
class Schedule {
 public:
  Schedule(const BenchArrivals& arrivals, int64_t count, int64_t start_ns)
      : arrivals_(arrivals),
        rng_(arrivals.seed),
        left_(count),
        start_ns_(start_ns) {}

  struct Arrival {
    int64_t index = 0;
    int64_t time_ns = 0;
  };
  /// False: there are no more.
  bool Next(Arrival* arrival) {
    const std::lock_guard lock(mutex_);
    if (left_ == 0) return false;
    --left_;
    arrival->index = next_++;
    arrival->time_ns = start_ns_ + static_cast<int64_t>(1e9 * seconds_);
    // Summed in double: exact to nanoseconds over days.
    seconds_ += arrivals_.poisson
                    ? -std::log(1.0 - rng_.Uniform()) / arrivals_.per_second
                    : 1.0 / arrivals_.per_second;
    return true;
  }
  void End() {
    const std::lock_guard lock(mutex_);
    left_ = 0;
  }

 private:
  const BenchArrivals arrivals_;
  std::mutex mutex_;
  Rng rng_;
  int64_t left_;
  int64_t next_ = 0;
  int64_t start_ns_;
  double seconds_ = 0;
};

void SleepUntil(int64_t time_ns) {
  if (MonotonicNs() >= time_ns) return;
  std::this_thread::sleep_until(
      std::chrono::steady_clock::time_point(std::chrono::nanoseconds(time_ns)));
}

}  // namespace

void BenchSamples::Record(int64_t latency_ns, int64_t service_ns,
                          const StageTimes& stages, bool warm_answer) {
  latency.Record(latency_ns);
  service.Record(service_ns);
  for (size_t s = 0; s < kRequestStages; ++s) {
    stage_ns[s].fetch_add(stages[s], std::memory_order_relaxed);
  }
  if (warm_answer) warm.fetch_add(1, std::memory_order_relaxed);
}

absl::Status RunClosedLoop(Engine& engine,
                           std::span<const v1::RankRequest> requests,
                           int threads, BenchSamples* samples) {
  std::atomic<size_t> next{0};
  const int64_t start_ns = MonotonicNs();
  const absl::Status status = OnThreads(threads, [&]() -> absl::Status {
    for (size_t i = next++; i < requests.size(); i = next++) {
      const int64_t asked_ns = MonotonicNs();
      const absl::StatusOr<Answer> answer = Ask(engine, requests[i]);
      if (!answer.ok()) {
        next = requests.size();
        return answer.status();
      }
      if (samples == nullptr) continue;
      const int64_t taken_ns = answer->done_ns - asked_ns;
      samples->Record(taken_ns, taken_ns, answer->stages, answer->warm);
    }
    return absl::OkStatus();
  });
  if (samples != nullptr) samples->wall_ns += MonotonicNs() - start_ns;
  return status;
}

absl::Status RunOpenLoop(Engine& engine,
                         std::span<const v1::RankRequest> requests, int rounds,
                         const BenchArrivals& arrivals, int threads,
                         BenchSamples& warm, BenchSamples& cold) {
  const int64_t count = static_cast<int64_t>(requests.size()) * rounds;
  // A little later, so that the callers are there.
  constexpr int64_t kStartUpNs = 10'000'000;
  const int64_t start_ns = MonotonicNs() + kStartUpNs;
  Schedule schedule(arrivals, count, start_ns);
  const absl::Status status = OnThreads(threads, [&]() -> absl::Status {
    // Sleeps end when they should: 50 µs more, the default, is a tenth of a
    // request. Refused, it stays the default.
    (void)::prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
    Schedule::Arrival arrival;
    while (schedule.Next(&arrival)) {
      SleepUntil(arrival.time_ns);
      const int64_t asked_ns = MonotonicNs();
      const absl::StatusOr<Answer> answer =
          Ask(engine,
              requests[static_cast<size_t>(arrival.index) % requests.size()]);
      if (!answer.ok()) {
        schedule.End();
        return answer.status();
      }
      (answer->warm ? warm : cold)
          .Record(answer->done_ns - arrival.time_ns, answer->done_ns - asked_ns,
                  answer->stages, answer->warm);
    }
    return absl::OkStatus();
  });
  warm.wall_ns = cold.wall_ns = MonotonicNs() - start_ns;
  return status;
}

}  // namespace attune
