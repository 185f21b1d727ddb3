#include "engine/train/golden.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string>

#include "base/status_macros.h"
#include "engine/rank/ranker.h"

namespace attune {
namespace {

constexpr int kCases = 6;
constexpr int kCandidates = 12;
constexpr int kHistoryEvents = 40;

absl::Status AddRecord(storage::Database& database, std::string_view item_id,
                       google::protobuf::RepeatedPtrField<v1::Item>* records) {
  ATTUNE_ASSIGN_OR_RETURN(std::optional<v1::Item> item,
                          database.GetItem(item_id));
  if (item.has_value()) {
    *records->Add() = std::move(*item);
  } else {
    records->Add()->set_item_id(std::string(item_id));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> MakeGolden(storage::Database& database,
                                       const TrainingSet& set,
                                       const Model::Parts& parts,
                                       const std::string& backend) {
  Model::Options options;
  options.backend = backend;
  ATTUNE_ASSIGN_OR_RETURN(auto model, Model::Create(parts, "golden", options));
  ATTUNE_ASSIGN_OR_RETURN(auto ranker, Ranker::Create(model));
  const Dataset& dataset = *set.dataset;
  const Split& split = *set.split;
  std::span<const EvalCase> cases = split.test();
  v1::Golden golden;
  for (int i = 0; i < kCases && !cases.empty(); ++i) {
    const EvalCase& c = cases[cases.size() * i / kCases];
    v1::GoldenCase& golden_case = *golden.add_cases();
    v1::RankRequest& request = *golden_case.mutable_request();
    std::span<const Interaction> prefix = split.prefix(c);
    if (prefix.size() > kHistoryEvents) prefix = prefix.last(kHistoryEvents);
    v1::History& history = *request.mutable_inline_history();
    std::set<int32_t> items;
    for (const Interaction& event : prefix) {
      v1::HistoryEvent& row = *history.add_events();
      row.set_item_id(std::string(dataset.items().name(event.item)));
      row.set_action(dataset.actions()[event.action]);
      row.set_sort_key(event.sort_key);
      row.set_has_time(event.has_time);
      items.insert(event.item);
    }
    history.set_count(history.events_size());
    for (int32_t item : items) {
      ATTUNE_RETURN_IF_ERROR(AddRecord(database, dataset.items().name(item),
                                       request.mutable_history_items()));
    }
    request.set_now_ms(c.time_ms);
    if (c.context >= 0) {
      v1::User context;
      if (!context.ParseFromString(dataset.contexts()[c.context])) {
        return absl::InternalError("a context that was not serialised here");
      }
      *request.mutable_context() = context.features();
    }
    std::span<const int32_t> candidates = split.candidates();
    const size_t wanted = std::min<size_t>(kCandidates, candidates.size());
    for (size_t k = 0; k < wanted; ++k) {
      const int32_t item =
          k == 0 ? c.target : candidates[(candidates.size() * k) / wanted];
      ATTUNE_RETURN_IF_ERROR(AddRecord(database, dataset.items().name(item),
                                       request.mutable_candidates()));
    }
    ATTUNE_ASSIGN_OR_RETURN(std::vector<float> scores,
                            ranker->ScoreInline(request));
    for (float score : scores) golden_case.add_scores(score);
  }
  return golden.SerializeAsString();
}

}  // namespace attune
