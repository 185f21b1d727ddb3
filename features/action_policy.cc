#include "features/action_policy.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/string_view.h"

namespace attune::features {
namespace {

// What says "not this": never a row of the history, never a target.
constexpr std::array<std::string_view, 5> kNeither = {
    kImpression, "return", "dislike", "hate", "is_hate"};

// Strongest first; equal numbers are equally strong up to their name.
constexpr std::array<std::pair<std::string_view, int>, 10> kDefaultGroups = {
    {{"buy", 0},
     {"purchase", 0},
     {"share", 1},
     {"forward", 1},
     {"comment", 2},
     {"follow", 3},
     {"like", 4},
     {"bookmark", 5},
     {"long_view", 6},
     {"click", 7}}};
constexpr int kViewGroup = 8;
constexpr int kOtherGroup = 9;

int DefaultGroup(std::string_view action) {
  for (const auto& [name, group] : kDefaultGroups) {
    if (name == action) return group;
  }
  return action == "view" ? kViewGroup : kOtherGroup;
}

bool EntersByDefault(std::string_view action) {
  return std::find(kNeither.begin(), kNeither.end(), action) == kNeither.end();
}

}  // namespace

void ActionPolicy::SetRule(ActionRule rule) {
  for (ActionRule& existing : rules_) {
    if (existing.name == rule.name) {
      existing = std::move(rule);
      return;
    }
  }
  rules_.push_back(std::move(rule));
}

const ActionRule* ActionPolicy::FindRule(std::string_view action) const {
  // A handful of rules: a scan beats a hash.
  for (const ActionRule& rule : rules_) {
    if (rule.name == action) return &rule;
  }
  return nullptr;
}

ActionRule ActionPolicy::RuleFor(std::string_view action) const {
  if (const ActionRule* rule = FindRule(action)) return *rule;
  const bool enters = EntersByDefault(action);
  return {.name = std::string(action),
          .in_history = enters,
          .positive = enters,
          .weight = 1.0};
}

bool ActionPolicy::EntersHistory(std::string_view action) const {
  const ActionRule* rule = FindRule(action);
  return rule != nullptr ? rule->in_history : EntersByDefault(action);
}

bool ActionPolicy::IsPositive(std::string_view action) const {
  const ActionRule* rule = FindRule(action);
  return rule != nullptr ? rule->positive : EntersByDefault(action);
}

double ActionPolicy::Weight(std::string_view action) const {
  const ActionRule* rule = FindRule(action);
  return rule != nullptr ? rule->weight : 1.0;
}

void ActionPolicy::SetOrder(std::vector<std::string> strongest_first) {
  order_ = std::move(strongest_first);
  rank_.clear();
  for (size_t i = 0; i < order_.size(); ++i) rank_.try_emplace(order_[i], i);
}

size_t ActionPolicy::Rank(std::string_view action) const {
  const auto it = rank_.find(absl::string_view(action.data(), action.size()));
  if (it != rank_.end()) return it->second;
  return order_.size() + static_cast<size_t>(DefaultGroup(action));
}

bool ActionPolicy::IsStronger(std::string_view a, std::string_view b) const {
  const size_t rank_a = Rank(a), rank_b = Rank(b);
  return rank_a != rank_b ? rank_a < rank_b : a < b;
}

}  // namespace attune::features
