#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

namespace attune::features {

/// The action of an event that only says what was shown.
inline constexpr std::string_view kImpression = "impression";

/// What one action means to the model.
struct ActionRule {
  std::string name;
  bool in_history = true;  ///< its events are rows of the user's history
  bool positive = true;    ///< its events are training targets
  double weight = 1.0;     ///< of the event in profiles and losses, in [0, 1e6]

  friend bool operator==(const ActionRule&, const ActionRule&) = default;
};

/// Which actions enter the history, which are positives, which is stronger.
/// An action without a rule enters and is positive, except "impression",
/// "return", "dislike", "hate" and "is_hate", which do neither. Const use is
/// thread-safe.
class ActionPolicy {
 public:
  /// Replaces the rule of that name.
  void SetRule(ActionRule rule);
  /// The declared rule, or the default one for that name.
  ActionRule RuleFor(std::string_view action) const;
  bool EntersHistory(std::string_view action) const;
  bool IsPositive(std::string_view action) const;
  double Weight(std::string_view action) const;

  /// Strongest first; replaces the order. Actions that are not in it rank below
  /// it, by the default: buy, purchase > share, forward > comment > follow >
  /// like > bookmark > long_view > click > view > all others (these by name).
  void SetOrder(std::vector<std::string> strongest_first);
  /// True if `a` is stronger than `b`: a strict order over names.
  bool IsStronger(std::string_view a, std::string_view b) const;

  /// The action of a row that names none; "view" unless configured.
  const std::string& default_action() const { return default_action_; }
  void set_default_action(std::string action) {
    default_action_ = std::move(action);
  }

  /// Event columns beside is_* that hold 0/1 results of an impression;
  /// {"long_view"} unless configured.
  const std::vector<std::string>& result_columns() const {
    return result_columns_;
  }
  void set_result_columns(std::vector<std::string> columns) {
    result_columns_ = std::move(columns);
  }

  /// Declared rules in the order of their declaration.
  const std::vector<ActionRule>& rules() const { return rules_; }
  const std::vector<std::string>& order() const { return order_; }

  friend bool operator==(const ActionPolicy& a, const ActionPolicy& b) {
    return a.rules_ == b.rules_ && a.order_ == b.order_ &&
           a.default_action_ == b.default_action_ &&
           a.result_columns_ == b.result_columns_;
  }

 private:
  /// Smaller is stronger; configured order first, then the default groups.
  size_t Rank(std::string_view action) const;
  const ActionRule* FindRule(std::string_view action) const;

  std::vector<ActionRule> rules_;
  std::vector<std::string> order_;
  absl::flat_hash_map<std::string, size_t> rank_;  // of order_
  std::string default_action_ = "view";
  std::vector<std::string> result_columns_ = {"long_view"};
};

}  // namespace attune::features
