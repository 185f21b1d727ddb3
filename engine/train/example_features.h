#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/train/as_of_counters.h"
#include "engine/train/catalogue.h"
#include "engine/train/dataset.h"
#include "features/history_profile.h"
#include "features/pipeline.h"

namespace attune {

/// The dense features of candidates at a past moment, by the same functions as
/// serving: profile of the events before it, counters as of it. Immutable;
/// thread-safe with one Scratch per thread.
class ExampleFeatures {
 public:
  /// All must outlive this. `users` by dataset user index.
  ExampleFeatures(const features::Pipeline& pipeline,
                  const Catalogue& catalogue, const AsOfCounters& counters,
                  std::span<const features::UserFeatures> users,
                  std::span<const std::string> actions);

  struct Scratch {
    features::HistoryProfile profile;
    features::RequestFeatures request;
    v1::Counters counters;
  };

  /// Prepares for a request of `user` behind `prefix` (oldest first).
  void Begin(int32_t user, std::span<const Interaction> prefix, int64_t now_ms,
             bool has_time, Scratch& scratch) const;
  /// Features of one candidate, out [dense_width]. `own`: see AsOfCounters.
  void Candidate(int32_t item, int own, Scratch& scratch,
                 std::span<float> out) const;

  const features::UserFeatures& user(int32_t index) const {
    return users_[index];
  }
  int dense_width() const { return pipeline_.dense_width(); }

 private:
  const features::Pipeline& pipeline_;
  const Catalogue& catalogue_;
  const AsOfCounters& counters_;
  std::span<const features::UserFeatures> users_;
  std::vector<v1::HistoryEvent> events_;  // one per action, reused as template
};

}  // namespace attune
