// The reasons of an answer.
#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "base/status_macros.h"
#include "engine/engine_impl.h"

namespace attune {
namespace {

constexpr int kReasons = 3;             // history events per explanation
constexpr int64_t kItemsPerLook = 256;  // at the clock

}  // namespace

absl::Status EngineImpl::Explain(ExecutionContext& context, ServedModel& served,
                                 const Prepared& user,
                                 const Ranker::Scores& scores,
                                 const Candidates& candidates,
                                 const ValueFormula* formula,
                                 std::span<const int32_t> best,
                                 v1::RankResponse& response) {
  const Ranker::Session& session = user.session;
  const v1::History& history = *user.request.history;
  const int64_t events = session.window_events;
  const int64_t count = static_cast<int64_t>(best.size());
  std::vector<std::shared_ptr<const ModelItem>> items;
  std::vector<features::ItemCounters> counters;
  for (int32_t c : best) {
    items.push_back(candidates.items[c]);
    counters.push_back(candidates.counters[c]);
  }
  ATTUNE_ASSIGN_OR_RETURN(
      const Ranker::Effects effects,
      served.ranker().Explain(context, user.request, *user.resolver, session,
                              items, counters, formula));
  // Few events give the reasons of many candidates: their titles, once each.
  std::map<int64_t, std::string> titles;
  const float weight = served.model().config().fusion_weight;
  for (int64_t i = 0; i < count; ++i) {
    if (i % kItemsPerLook == 0) {
      ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
    }
    v1::Explanation& explanation =
        *response.mutable_items(static_cast<int>(i))->mutable_explanation();
    explanation.set_match_part(scores.match[best[i]]);
    explanation.set_fusion_part(weight * scores.fusion(best[i], 0));
    std::vector<int64_t> order(events);
    for (int64_t e = 0; e < events; ++e) order[e] = e;
    std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
      return effects.effect(i, a) > effects.effect(i, b);
    });
    for (int64_t r = 0; r < std::min<int64_t>(kReasons, events); ++r) {
      // An event without which the candidate would stand higher is no reason.
      if (effects.effect(i, order[r]) <= 0) break;
      const int64_t position = session.window_begin + order[r];
      const v1::HistoryEvent& event =
          history.events(static_cast<int>(position));
      v1::Reason& reason = *explanation.add_reasons();
      reason.set_item_id(event.item_id());
      reason.set_action(event.action());
      reason.set_time_ms(event.has_time() ? event.sort_key() : 0);
      reason.set_position(position);
      reason.set_attention(effects.attention(i, order[r]));
      reason.set_effect(effects.effect(i, order[r]));
      const auto [title, fresh] = titles.try_emplace(position);
      if (fresh) {
        ATTUNE_ASSIGN_OR_RETURN(std::optional<v1::Item> record,
                                database_->GetItem(event.item_id()));
        if (record.has_value()) title->second = record->title();
      }
      reason.set_title(title->second);
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
