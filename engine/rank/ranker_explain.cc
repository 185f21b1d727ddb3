// Ranker::Explain: reasons by leaving events out.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "base/status_macros.h"
#include "engine/rank/ranker.h"

namespace attune {
namespace {

constexpr float kNotTried = std::numeric_limits<float>::lowest();
/// Of a newer event against the one before it, in the choice of what to try.
constexpr float kRecencyDecay = 0.85f;
constexpr int64_t kCandidatesPerLook = 256;  // at the clock

float Cosine(std::span<const float> a, std::span<const float> b) {
  float dot = 0, aa = 0, bb = 0;
  for (size_t d = 0; d < a.size(); ++d) {
    dot += a[d] * b[d];
    aa += a[d] * a[d];
    bb += b[d] * b[d];
  }
  return aa > 0 && bb > 0 ? dot / std::sqrt(aa * bb) : 0.0f;
}

v1::History Without(const v1::History& history, int64_t position) {
  v1::History rest = history;
  rest.mutable_events()->DeleteSubrange(static_cast<int>(position), 1);
  rest.set_count(std::max<int64_t>(history.count(), history.events_size()) - 1);
  return rest;
}

}  // namespace

absl::StatusOr<Ranker::Effects> Ranker::Explain(
    ExecutionContext& context, const Request& request, ItemResolver& resolver,
    const Session& session,
    std::span<const std::shared_ptr<const ModelItem>> items,
    std::span<const features::ItemCounters> counters,
    const ValueFormula* formula) const {
  const int64_t events = session.window_events;
  const int64_t count = static_cast<int64_t>(items.size());
  Workspace& workspace = context.workspace;
  Effects effects;
  effects.effect = workspace.Matrix(count, events);
  effects.attention = workspace.ZeroMatrix(count, events);
  if (events == 0 || count == 0) return effects;
  for (int64_t c = 0; c < count; ++c) {
    std::fill_n(effects.effect.row(c), events, kNotTried);
  }
  Workspace::Scope scope(workspace);

  const ModelConfig& config = model_->config();
  if (config.fusion_mode == FusionMode::kFull && config.decoder_blocks > 0) {
    MatrixView q = workspace.Matrix(count, config.width);
    for (int64_t c = 0; c < count; ++c) {
      std::copy(items[c]->q.begin(), items[c]->q.end(), q.row(c));
    }
    ATTUNE_RETURN_IF_ERROR(model_->scorer().Attention(
        context, session.kept->state, session.encoded, q, effects.attention));
  }

  // What to try: every candidate votes for its likeliest events.
  std::vector<std::string_view> ids;
  for (int64_t e = 0; e < events; ++e) {
    ids.push_back(
        request.history->events(static_cast<int>(session.window_begin + e))
            .item_id());
  }
  std::vector<std::shared_ptr<const ModelItem>> seen(ids.size());
  ATTUNE_RETURN_IF_ERROR(resolver.Resolve(context, ids, seen));
  std::vector<float> votes(events, 0.0f), chance(events);
  std::vector<int64_t> order(events);
  std::vector<float> recency(events);
  for (int64_t e = 0; e < events; ++e) {
    recency[e] = std::pow(kRecencyDecay, static_cast<float>(events - 1 - e));
  }
  for (int64_t c = 0; c < count; ++c) {
    if (c % kCandidatesPerLook == 0) {
      ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    }
    for (int64_t e = 0; e < events; ++e) {
      chance[e] = effects.attention(c, e) +
                  std::max(0.0f, Cosine(items[c]->x, seen[e]->x)) + recency[e];
    }
    std::iota(order.begin(), order.end(), 0);
    const int64_t wanted = std::min<int64_t>(kTriedEvents, events);
    std::partial_sort(order.begin(), order.begin() + wanted, order.end(),
                      [&](int64_t a, int64_t b) {
                        return chance[a] != chance[b] ? chance[a] > chance[b]
                                                      : a > b;
                      });
    for (int64_t i = 0; i < wanted; ++i) {
      votes[order[i]] += static_cast<float>(wanted - i);
    }
  }
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(),
                   [&](int64_t a, int64_t b) { return votes[a] > votes[b]; });
  order.resize(std::min<int64_t>(kTriedEvents, events));

  ATTUNE_ASSIGN_OR_RETURN(const Scores whole,
                          Score(context, session, items, counters, formula));
  for (int64_t e : order) {
    ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    Workspace::Scope trial(workspace);
    const v1::History rest =
        Without(*request.history, session.window_begin + e);
    Request without = request;
    without.history = &rest;
    // One event less may be on the other side of a move of the anchor, and many
    // old events would come back.
    without.anchor = session.kept->state.anchor();
    KeptState kept(config);
    kept.state.Reset(-1, -1);
    Session other;
    ATTUNE_RETURN_IF_ERROR(Begin(context, without, resolver, kept, other));
    ATTUNE_ASSIGN_OR_RETURN(const Scores scores,
                            Score(context, other, items, counters, formula));
    for (int64_t c = 0; c < count; ++c) {
      effects.effect(c, e) =
          static_cast<float>(whole.score[c] - scores.score[c]);
    }
  }
  return effects;
}

}  // namespace attune
