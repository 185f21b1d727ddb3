#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/model/model.h"
#include "engine/rank/item_resolver.h"
#include "engine/rank/kept_state.h"
#include "engine/rank/value_formula.h"
#include "proto/attune.pb.h"

namespace attune {

/// Scores candidates for one user with one model: history in, logits and
/// scores out. Knows no database; what it needs comes from an ItemResolver.
/// Immutable and thread-safe; a call holds the user's KeptState. Enter through
/// RunSerial().
class Ranker {
 public:
  static absl::StatusOr<std::unique_ptr<Ranker>> Create(
      std::shared_ptr<const Model> model);

  const Model& model() const { return *model_; }
  const std::shared_ptr<const Model>& shared_model() const { return model_; }
  const ValueFormula& value_formula() const { return formula_; }

  struct Request {
    const v1::History* history = nullptr;
    const v1::User* user = nullptr;                      ///< null: no record
    const features::ContextFeatures* context = nullptr;  ///< null: none
    int64_t now_ms = 0;
    /// First event of the window; nullopt: ModelConfig::Anchor of the count.
    std::optional<int64_t> anchor;
  };
  /// A user made ready: the state is encoded up to the request's time. Lives in
  /// the context's workspace; the KeptState must stay locked meanwhile.
  struct Session {
    KeptState const* kept = nullptr;
    Scorer::Encoded encoded;
    std::span<float> user;      ///< u [D]
    int64_t window_events = 0;  ///< encoded events
    int64_t window_begin = 0;   ///< index in history->events()
    int64_t reused_rows = 0;    ///< rows that were kept: > 0 is warm
    bool has_time = false;
    const features::RequestFeatures* request_features = nullptr;  ///< kept's
  };
  /// Rows that Begin() would encode, the newest included.
  int64_t RowsToEncode(const v1::History& history, const KeptState& kept) const;
  /// Brings `kept` (locked by the caller) up to the history and the time.
  absl::Status Begin(ExecutionContext& context, const Request& request,
                     ItemResolver& resolver, const KeptState& kept,
                     Session& session) const;

  /// Outputs of one scoring, in the context's workspace, by candidate.
  struct Scores {
    std::span<double> score;  ///< [C] the value formula
    MatrixView logits;        ///< [tasks, C]
    std::span<float> match;   ///< [C]
    MatrixView fusion;        ///< [C, tasks]
    MatrixView x;             ///< [C, D]
    MatrixView q;             ///< [C, D]
  };
  /// The match term alone, that of a context included: the rest of the fusion
  /// is zero.
  Scores Match(ExecutionContext& context, const Session& session,
               std::span<const std::shared_ptr<const ModelItem>> items,
               const ValueFormula* formula) const;
  /// Logits and score anew from match and fusion.
  void Finish(std::span<const std::shared_ptr<const ModelItem>> items,
              const ValueFormula* formula, Scores& scores) const;
  /// All of it. `formula` null: the model's own.
  absl::StatusOr<Scores> Score(
      ExecutionContext& context, const Session& session,
      std::span<const std::shared_ptr<const ModelItem>> items,
      std::span<const features::ItemCounters> counters,
      const ValueFormula* formula) const;

  /// Why these candidates: for the window's events that most likely matter (by
  /// the decoder's attention, likeness and recency), how far each candidate's
  /// score falls when the history is encoded without the event. Measured, not
  /// attributed: attention weights alone need not say what a score rests on
  /// (Jain and Wallace 2019). Costs one encoding per event tried, at most
  /// kTriedEvents; for the final few candidates only.
  static constexpr int kTriedEvents = 12;
  struct Effects {
    /// [C, window_events]: score - score without the event; lowest() where
    /// the event was not tried.
    MatrixView effect;
    MatrixView attention;  ///< [C, window_events]; zeros without a decoder
  };
  absl::StatusOr<Effects> Explain(
      ExecutionContext& context, const Request& request, ItemResolver& resolver,
      const Session& session,
      std::span<const std::shared_ptr<const ModelItem>> items,
      std::span<const features::ItemCounters> counters,
      const ValueFormula* formula) const;

  /// Answers the model's golden requests and compares; FailedPrecondition with
  /// the first score that differs by more than the precision's bound.
  absl::Status CheckGolden() const;
  /// Scores of a self-contained request (inline history, records and time).
  absl::StatusOr<std::vector<float>> ScoreInline(
      const v1::RankRequest& request) const;

 private:
  /// Where in a history the encoded window lies.
  struct Window {
    int64_t anchor = 0, begin = 0, length = 0;
    int64_t reused = 0;  ///< rows of the kept state that hold
  };
  Window WindowOf(const v1::History& history, const KeptState& kept,
                  std::optional<int64_t> anchor) const;
  /// Vectors and match terms; no fusion, logits and score not filled in.
  Scores Begun(ExecutionContext& context, const Session& session,
               std::span<const std::shared_ptr<const ModelItem>> items) const;

  Ranker(std::shared_ptr<const Model> model, ValueFormula formula)
      : model_(std::move(model)), formula_(std::move(formula)) {}
  absl::Status UpdateProfile(ExecutionContext& context, const Request& request,
                             ItemResolver& resolver,
                             const KeptState& kept) const;
  /// Brings kept.events up to the history; profile_count and profile_epoch are
  /// still those of the history before.
  void UpdateEvents(const v1::History& history, const KeptState& kept) const;

  std::shared_ptr<const Model> model_;
  ValueFormula formula_;
};

}  // namespace attune
