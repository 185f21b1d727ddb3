#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "proto/attune.pb.h"

namespace attune {

struct ResponseTableOptions {
  /// The name to show beside an item's id; empty where there is none. A null
  /// function: no such column.
  std::function<std::string(std::string_view item_id)> title_of;
  /// Longer titles are cut to this many columns of the terminal.
  size_t title_width = 40;
  /// Reasons shown per item, strongest first.
  int reasons = 3;
};

/// A response for people: a line that says where the list comes from, one line
/// per item with the score and the tasks' probabilities, and below an explained
/// item its reasons:
///
///   2 of 400 items, found by the match term; history of 34 events; model v3
///   rank  item   title          score   click    buy  match  features
///      1  b17    The Moonstone  0.4213  38.0%   4.1%  +1.25     -0.08
///         because you bought The Woman in White (+0.18), read Emma (+0.041)
///
/// The number behind a reason is its effect: how far the score falls without
/// the event. Where no effect was measured, it is the event's share of the
/// candidate's attention, as in (32%). Every line ends with '\n'.
std::string ResponseToTable(const v1::RankResponse& response,
                            const ResponseTableOptions& options = {});

/// "because you bought X (+0.18), read Y (+0.041)", at most `reasons` of them;
/// empty if there are none. Titles stand for ids where they are known.
std::string ReasonsToText(const v1::Explanation& explanation, int reasons = 3);

}  // namespace attune
