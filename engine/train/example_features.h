#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/model/neighbour_profile.h"
#include "engine/train/as_of_counters.h"
#include "engine/train/catalogue.h"
#include "engine/train/covisitation.h"
#include "engine/train/dataset.h"
#include "engine/train/item_lists.h"
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
                  std::span<const std::string> actions,
                  const NeighbourIndex& neighbours);

  /// Training needs the counts behind the neighbours, to take the asking user
  /// out of them; `sequences` are the rows that `covisitation` was built from.
  void SetCovisitation(const Covisitation* covisitation,
                       const ItemLists* sequences) {
    covisitation_ = covisitation;
    sequences_ = sequences;
  }

  /// What the requests' contexts are, by Interaction::context.
  void SetContexts(std::span<const features::ContextFeatures> contexts) {
    contexts_ = contexts;
  }
  /// Null for -1.
  const features::ContextFeatures* context(int32_t index) const {
    return index < 0 ? nullptr : &contexts_[index];
  }

  /// A request at a past moment.
  struct Request {
    int32_t user = 0;
    /// What is known of the user.
    const features::UserFeatures* record = nullptr;
    const features::ContextFeatures* context = nullptr;  ///< null: none
    std::span<const Interaction> prefix;                 ///< oldest first
    int64_t now_ms = 0;
    bool has_time = false;
    /// Takes the user's own events out of the neighbours' counts: they hold the
    /// answer.
    bool training = false;
  };

  struct Scratch {
    features::HistoryProfile profile;
    features::RequestFeatures request;
    v1::Counters counters;
    NeighbourProfile neighbours;
    std::unique_ptr<Covisitation::OwnUser> own_user;
    int32_t own_user_set = -1;
  };

  void Begin(const Request& request, Scratch& scratch) const;
  /// Features of one candidate, out [dense_width]. `own`: see AsOfCounters.
  void Candidate(int32_t item, int own, Scratch& scratch,
                 std::span<float> out) const;
  /// The same as if nobody had touched the item: no counters, no neighbours.
  void NewCandidate(int32_t item, Scratch& scratch, std::span<float> out) const;

  const features::UserFeatures& user(int32_t index) const {
    return users_[index];
  }
  /// Of a user without a record.
  const features::UserFeatures& nobody() const { return nobody_; }
  int dense_width() const {
    return pipeline_.dense_width() + NeighbourProfile::kWidth;
  }

 private:
  void Fill(int32_t item, int32_t id_row, const Scratch& scratch,
            std::span<float> out) const;
  void AddNeighbours(int32_t user, std::span<const Interaction> prefix,
                     bool training, Scratch& scratch) const;

  const features::Pipeline& pipeline_;
  const Catalogue& catalogue_;
  const AsOfCounters& counters_;
  std::span<const features::UserFeatures> users_;
  features::UserFeatures nobody_;
  std::span<const features::ContextFeatures> contexts_;
  std::vector<v1::HistoryEvent> events_;  // one per action, reused as template
  const NeighbourIndex& neighbours_;
  const Covisitation* covisitation_ = nullptr;
  const ItemLists* sequences_ = nullptr;
};

}  // namespace attune
