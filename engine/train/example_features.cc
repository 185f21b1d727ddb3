#include "engine/train/example_features.h"

#include <algorithm>

namespace attune {

ExampleFeatures::ExampleFeatures(const features::Pipeline& pipeline,
                                 const Catalogue& catalogue,
                                 const AsOfCounters& counters,
                                 std::span<const features::UserFeatures> users,
                                 std::span<const std::string> actions,
                                 const NeighbourIndex& neighbours)
    : pipeline_(pipeline),
      catalogue_(catalogue),
      counters_(counters),
      users_(users),
      nobody_(pipeline.EncodeUser({})),
      neighbours_(neighbours) {
  for (const std::string& action : actions) {
    events_.emplace_back().set_action(action);
  }
}

void ExampleFeatures::Begin(const Request& request, Scratch& scratch) const {
  const std::span<const Interaction> prefix = request.prefix;
  scratch.profile.Clear();
  const size_t newest = static_cast<size_t>(pipeline_.profile_events());
  const size_t count = prefix.size();
  const size_t skip = count > newest ? count - newest : 0;
  v1::HistoryEvent event;
  for (const Interaction& interaction : prefix.subspan(skip)) {
    event.set_action(events_[interaction.action].action());
    event.set_sort_key(interaction.sort_key);
    event.set_has_time(interaction.has_time);
    pipeline_.AddToProfile(catalogue_.item(interaction.item), event,
                           &scratch.profile);
  }
  scratch.profile.set_history_count(static_cast<int64_t>(count));
  AddNeighbours(request.user, prefix, request.training, scratch);
  pipeline_.PrepareRequest(*request.record, scratch.profile, request.now_ms,
                           request.has_time, &scratch.request, request.context);
}

void ExampleFeatures::Candidate(int32_t item, int own, Scratch& scratch,
                                std::span<float> out) const {
  counters_.Fill(item, scratch.request.now_ms, scratch.request.has_time, own,
                 &scratch.counters);
  Fill(item, catalogue_.id_row(item), scratch, out);
}

void ExampleFeatures::NewCandidate(int32_t item, Scratch& scratch,
                                   std::span<float> out) const {
  scratch.counters.Clear();
  Fill(item, -1, scratch, out);
}

void ExampleFeatures::Fill(int32_t item, int32_t id_row, const Scratch& scratch,
                           std::span<float> out) const {
  pipeline_.CandidateFeatures(catalogue_.item(item), &scratch.counters,
                              scratch.profile, scratch.request,
                              out.first(pipeline_.dense_width()));
  scratch.neighbours.Features(id_row, out.last(NeighbourProfile::kWidth));
}

void ExampleFeatures::AddNeighbours(int32_t user,
                                    std::span<const Interaction> prefix,
                                    bool training, Scratch& scratch) const {
  scratch.neighbours.Clear();
  const int events = static_cast<int>(
      std::min<size_t>(prefix.size(), NeighbourProfile::kEvents));
  if (!training || covisitation_ == nullptr) {
    for (int age = 0; age < events; ++age) {
      const int32_t item = prefix[prefix.size() - 1 - age].item;
      scratch.neighbours.AddEvent(neighbours_, catalogue_.id_row(item), age);
    }
    return;
  }
  if (scratch.own_user == nullptr) {
    scratch.own_user = std::make_unique<Covisitation::OwnUser>(*covisitation_);
  }
  if (scratch.own_user_set != user) {
    scratch.own_user->Set(sequences_->row(user));
    scratch.own_user_set = user;
  }
  for (int age = 0; age < events; ++age) {
    const int32_t item = prefix[prefix.size() - 1 - age].item;
    for (const Neighbour& entry : covisitation_->cooccurrences().row(item)) {
      scratch.neighbours.AddCooccurrence(
          catalogue_.id_row(entry.item), age,
          scratch.own_user->Cooccurrence(item, entry));
    }
    for (const Neighbour& entry : covisitation_->transitions().row(item)) {
      scratch.neighbours.AddTransition(
          catalogue_.id_row(entry.item), age,
          scratch.own_user->Transition(item, entry));
    }
  }
}

}  // namespace attune
