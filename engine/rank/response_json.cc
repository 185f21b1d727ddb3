#include "engine/rank/response_json.h"

#include <algorithm>

#include "base/strings.h"
#include "engine/rank/json_text.h"

namespace attune {
namespace {

// `"name":` with a comma before it unless an object or list just began.
void AppendName(std::string_view name, std::string* out) {
  const char last = out->empty() ? '{' : out->back();
  if (last != '{' && last != '[') out->push_back(',');
  AppendJsonString(name, out);
  out->push_back(':');
}

void AppendField(std::string_view name, std::string_view value,
                 std::string* out) {
  AppendName(name, out);
  AppendJsonString(value, out);
}

void AppendField(std::string_view name, double value, std::string* out) {
  AppendName(name, out);
  AppendJsonNumber(value, out);
}

void AppendInteger(std::string_view name, int64_t value, std::string* out) {
  AppendName(name, out);
  out->append(StrCat(value));
}

void AppendBoolean(std::string_view name, bool value, std::string* out) {
  AppendName(name, out);
  out->append(value ? "true" : "false");
}

template <typename Range, typename Append>
void AppendList(std::string_view name, const Range& range, Append append,
                std::string* out) {
  AppendName(name, out);
  out->push_back('[');
  bool first = true;
  for (const auto& element : range) {
    if (!first) out->push_back(',');
    first = false;
    append(element);
  }
  out->push_back(']');
}

// {"click":0.5,"buy":0.25}; values beyond the tasks' names have none.
template <typename Tasks, typename Values>
void AppendByTask(std::string_view name, const Tasks& tasks,
                  const Values& values, std::string* out) {
  if (values.empty()) return;
  AppendName(name, out);
  out->push_back('{');
  for (int k = 0; k < std::min<int>(tasks.size(), values.size()); ++k) {
    AppendField(tasks[k], values[k], out);
  }
  out->push_back('}');
}

void AppendReason(const v1::Reason& reason, std::string* out) {
  out->push_back('{');
  AppendField("item_id", reason.item_id(), out);
  if (!reason.title().empty()) AppendField("title", reason.title(), out);
  AppendField("action", reason.action(), out);
  if (reason.time_ms() != 0) AppendInteger("time_ms", reason.time_ms(), out);
  AppendInteger("position", reason.position(), out);
  AppendField("attention", reason.attention(), out);
  AppendField("effect", reason.effect(), out);
  out->push_back('}');
}

void AppendFiltered(const v1::Filtered& filtered, std::string* out) {
  AppendName("filtered", out);
  out->push_back('{');
  AppendInteger("excluded_id", filtered.excluded_id(), out);
  AppendInteger("unavailable", filtered.unavailable(), out);
  AppendInteger("seen", filtered.seen(), out);
  AppendInteger("excluded_category", filtered.excluded_category(), out);
  AppendInteger("other_category", filtered.other_category(), out);
  out->push_back('}');
}

}  // namespace

void AppendExplanationFields(const v1::Explanation& explanation,
                             std::string* out) {
  AppendField("match_part", explanation.match_part(), out);
  AppendField("fusion_part", explanation.fusion_part(), out);
  AppendList(
      "reasons", explanation.reasons(),
      [&](const v1::Reason& reason) { AppendReason(reason, out); }, out);
}

std::string ResponseToJson(const v1::RankResponse& response) {
  std::string out = "{";
  if (!response.request_id().empty()) {
    AppendField("request_id", response.request_id(), &out);
  }
  AppendField("model", response.model(), &out);
  AppendInteger("now_ms", response.now_ms(), &out);
  AppendBoolean("retrieved", response.retrieved(), &out);
  AppendInteger("candidates_scored", response.candidates_scored(), &out);
  AppendInteger("history_length", response.history_length(), &out);
  AppendBoolean("warm", response.warm(), &out);
  AppendInteger("unknown_items", response.unknown_items(), &out);
  if (response.has_filtered()) AppendFiltered(response.filtered(), &out);
  const auto append_string = [&](const std::string& text) {
    AppendJsonString(text, &out);
  };
  if (!response.degraded().empty()) {
    AppendList("degraded", response.degraded(), append_string, &out);
  }
  AppendList("tasks", response.tasks(), append_string, &out);
  AppendList(
      "items", response.items(),
      [&](const v1::RankedItem& item) {
        out.push_back('{');
        AppendField("item_id", item.item_id(), &out);
        AppendField("score", item.score(), &out);
        AppendInteger("rank", item.rank(), &out);
        AppendByTask("probabilities", response.tasks(),
                     item.task_probabilities(), &out);
        AppendByTask("logits", response.tasks(), item.task_logits(), &out);
        if (item.has_explanation()) {
          AppendExplanationFields(item.explanation(), &out);
        }
        out.push_back('}');
      },
      &out);
  out.push_back('}');
  return out;
}

}  // namespace attune
