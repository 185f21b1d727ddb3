#include "engine/rank/response_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "base/strings.h"
#include "engine/rank/text_table.h"

namespace attune {
namespace {

constexpr size_t kReasonTitleWidth = 40;

// "bought" for "buy"; an action of another name is quoted as it is.
std::string PastTense(std::string_view action) {
  static constexpr std::pair<std::string_view, std::string_view> kVerbs[] = {
      {"add_to_cart", "put in your basket"},
      {"borrow", "borrowed"},
      {"buy", "bought"},
      {"cart", "put in your basket"},
      {"click", "clicked"},
      {"collect", "collected"},
      {"comment", "commented on"},
      {"download", "downloaded"},
      {"favorite", "marked"},
      {"follow", "followed"},
      {"forward", "passed on"},
      {"like", "liked"},
      {"listen", "listened to"},
      {"long_view", "watched"},
      {"open", "opened"},
      {"play", "played"},
      {"purchase", "bought"},
      {"rate", "rated"},
      {"rating", "rated"},
      {"read", "read"},
      {"review", "reviewed"},
      {"save", "saved"},
      {"share", "shared"},
      {"view", "viewed"},
      {"watch", "watched"},
  };
  for (const auto& [name, verb] : kVerbs) {
    if (name == action) return std::string(verb);
  }
  if (action.empty()) return "chose";
  return StrCat("did \"", action, "\" with");
}

// Four significant digits, the same number of decimals for a list whose best
// score has this size; tiny and huge ones in scientific form.
std::string ScoreText(double score, double largest) {
  if (!std::isfinite(score)) return "-";
  if (largest != 0 && (largest < 1e-3 || largest >= 1e6)) {
    return fmt::format("{:.3e}", score);
  }
  const int whole =
      largest >= 1 ? static_cast<int>(std::floor(std::log10(largest))) : 0;
  return fmt::format("{:.{}f}", score, std::max(0, 4 - whole));
}

std::string PercentText(double share) {
  if (!std::isfinite(share)) return "-";
  const double percent = 100 * share;
  return fmt::format("{:.{}f}%", percent, percent < 1 && percent > 0 ? 2 : 1);
}

/// "; left out: 3 seen, 1 unavailable"; empty where nothing was.
std::string FilteredText(const v1::Filtered& filtered) {
  const std::pair<uint32_t, const char*> rules[] = {
      {filtered.seen(), "seen"},
      {filtered.excluded_id(), "excluded"},
      {filtered.unavailable(), "unavailable"},
      {filtered.excluded_category(), "of an excluded category"},
      {filtered.other_category(), "of another category"}};
  std::string text;
  for (const auto& [count, rule] : rules) {
    if (count == 0) continue;
    text += StrCat(text.empty() ? "; left out: " : ", ", count, " ", rule);
  }
  return text;
}

std::string Heading(const v1::RankResponse& response) {
  const uint32_t scored = response.candidates_scored();
  std::string text = StrCat(
      response.items_size(), " of ", scored, scored == 1 ? " item" : " items",
      response.retrieved() ? ", found by the match term" : "");
  const uint32_t events = response.history_length();
  text += events == 0 ? std::string("; no history")
                      : StrCat("; history of ", events,
                               events == 1 ? " event" : " events",
                               response.warm() ? " (state kept)" : "");
  if (!response.model().empty()) text += StrCat("; model ", response.model());
  if (response.unknown_items() > 0) {
    text += StrCat("; ", response.unknown_items(), " unknown");
  }
  text += FilteredText(response.filtered());
  for (const std::string& step : response.degraded()) {
    text += StrCat("; to meet the deadline: ", step);
  }
  text.push_back('\n');
  return text;
}

}  // namespace

std::string ReasonsToText(const v1::Explanation& explanation, int reasons) {
  std::string text;
  for (int r = 0; r < std::min(reasons, explanation.reasons_size()); ++r) {
    const v1::Reason& reason = explanation.reasons(r);
    const std::string weight =
        reason.effect() != 0 ? fmt::format("{:+.2g}", reason.effect())
                             : fmt::format("{:.0f}%", 100 * reason.attention());
    text += StrCat(
        r == 0 ? "because you " : ", ", PastTense(reason.action()), " ",
        CutToWidth(reason.title().empty() ? reason.item_id() : reason.title(),
                   kReasonTitleWidth),
        " (", weight, ")");
  }
  return text;
}

std::string ResponseToTable(const v1::RankResponse& response,
                            const ResponseTableOptions& options) {
  bool explained = false;
  bool with_tasks = false;
  double largest = 0;
  for (const v1::RankedItem& item : response.items()) {
    explained = explained || item.has_explanation();
    with_tasks = with_tasks || item.task_probabilities_size() > 0;
    if (std::isfinite(item.score())) {
      largest = std::max(largest, std::abs(item.score()));
    }
  }
  const int tasks = with_tasks ? response.tasks_size() : 0;

  std::vector<TextTable::Column> columns = {{"rank", TextTable::kRight},
                                            {"item"}};
  if (options.title_of) columns.push_back({"title"});
  columns.push_back({"score", TextTable::kRight});
  for (int k = 0; k < tasks; ++k) {
    columns.push_back({response.tasks(k), TextTable::kRight});
  }
  if (explained) {
    columns.push_back({"match", TextTable::kRight});
    columns.push_back({"features", TextTable::kRight});
  }
  TextTable table(std::move(columns));
  for (const v1::RankedItem& item : response.items()) {
    std::vector<std::string> cells = {StrCat(item.rank()), item.item_id()};
    if (options.title_of) {
      cells.push_back(
          CutToWidth(options.title_of(item.item_id()), options.title_width));
    }
    cells.push_back(ScoreText(item.score(), largest));
    for (int k = 0; k < tasks; ++k) {
      cells.push_back(k < item.task_probabilities_size()
                          ? PercentText(item.task_probabilities(k))
                          : "");
    }
    if (item.has_explanation()) {
      cells.push_back(fmt::format("{:+.2f}", item.explanation().match_part()));
      cells.push_back(fmt::format("{:+.2f}", item.explanation().fusion_part()));
    }
    table.AddRow(std::move(cells));
    std::string why = ReasonsToText(item.explanation(), options.reasons);
    if (!why.empty()) table.AddNote(std::move(why));
  }
  return Heading(response) + table.ToString();
}

}  // namespace attune
