#pragma once

#include <cstdint>
#include <span>

#include "absl/status/status.h"
#include "engine/model/network.h"
#include "engine/model/user_state.h"

namespace attune {

/// One event of the window as the network takes it.
struct WindowEvent {
  int32_t action = 0;  ///< index into ModelConfig::actions
  bool has_time = false;
  int64_t time_ms = 0;
};

/// When and for whom a request is scored.
struct RequestContext {
  int64_t now_ms = 0;
  bool has_time = false;  ///< false: order-only data, the clock is masked
  std::span<const float> clock;          ///< [kClockFeatures]
  std::span<const int32_t> user_tokens;  ///< rows of the user table
  /// Of what the caller says of the moment: rows of the context table, and the
  /// vector [D] of its text (EncodeText). Empty: none.
  std::span<const int32_t> context_tokens;
  std::span<const float> context_text;
};

/// Candidates' stored vectors and features.
struct CandidateInput {
  ConstMatrixView x;      ///< [C, D] item vectors
  ConstMatrixView q;      ///< [C, D] ItemEncoder vectors' query projections
  ConstMatrixView dense;  ///< [C, dense_width]
};

/// The request-time half of a network: encode or extend a user's state, then
/// score candidates against it. The one way from vectors to scores, for
/// serving, batch, evaluation and golden checks. Const and thread-safe with one
/// ExecutionContext and one UserState per caller; enter through RunSerial().
class Scorer {
 public:
  /// Both must outlive the scorer.
  Scorer(const Network& network, std::span<const float> values)
      : network_(network), values_(values) {}

  const ModelConfig& config() const { return network_.config(); }
  const Network& network() const { return network_; }
  std::span<const float> values() const { return values_; }

  /// Item vectors x and projections q, [N, D] each.
  absl::Status EncodeItems(ExecutionContext& context, const ItemBatch& batch,
                           MatrixView x, MatrixView q) const;

  /// The vector x [D] of a text's tokens, as that of an item of which nothing
  /// else is known.
  absl::Status EncodeText(ExecutionContext& context,
                          std::span<const int32_t> text_tokens,
                          std::span<float> x) const;

  /// Brings `state` up to the window `events` (at most T; the state's anchor is
  /// that of the window) and encodes the newest row with the request's time.
  /// new_x [events.size() - state.final_rows(), D]: item vectors of the events
  /// behind the final rows (a zero row for an item without vector); empty
  /// windows take none. user [D] receives u. Afterwards events.size() - 1 rows
  /// are final and the state is ready for Score with the returned memory rows.
  struct Encoded {
    int64_t memory_rows = 0;
    std::span<const int64_t> key_time_ms;  ///< in the workspace; may be empty
    int64_t now_ms = 0;
    /// c [D], in the workspace: what the request's context adds to u, in the
    /// fusion alone. Empty: it has none.
    std::span<const float> context;
  };
  absl::StatusOr<Encoded> Encode(ExecutionContext& context, UserState& state,
                                 std::span<const WindowEvent> events,
                                 ConstMatrixView new_x,
                                 const RequestContext& request,
                                 std::span<float> user) const;

  /// Match term of every candidate: cosine(u, x) / temperature. [C]
  void Match(std::span<const float> user, ConstMatrixView x,
             std::span<float> match) const;

  /// What the context says of each candidate without the network, the match of
  /// c in place of u, is added to fusion [C, tasks]: a part of it, and scaled
  /// with it. Nothing without a context or by kNone.
  void AddContextMatch(const Encoded& encoded, ConstMatrixView x,
                       FusionMode mode, MatrixView fusion) const;

  /// The vector [D] whose match is that of u and of the context with its weight
  /// in the final score: what the best of a catalogue are found by.
  void SearchVector(const Encoded& encoded, std::span<const float> user,
                    std::span<float> out) const;

  /// fusion [C, tasks] by the given mode (kNone: zeros), the context's match
  /// included.
  absl::Status Fuse(ExecutionContext& context, const UserState& state,
                    const Encoded& encoded, std::span<const float> user,
                    const CandidateInput& candidates, FusionMode mode,
                    MatrixView fusion) const;

  /// logits [tasks, C] from match [C] and fusion [C, tasks]: for "next" match +
  /// w fusion, for the others a_t match + b_t + fusion.
  void Logits(std::span<const float> match, ConstMatrixView fusion,
              MatrixView logits) const;

  /// Attention of candidates' first decoder block over the window's events,
  /// [C, events]: the context token's share is left out.
  absl::Status Attention(ExecutionContext& context, const UserState& state,
                         const Encoded& encoded, ConstMatrixView q,
                         MatrixView weights) const;

 private:
  const Network& network_;
  std::span<const float> values_;
};

}  // namespace attune
