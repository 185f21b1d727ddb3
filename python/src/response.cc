#include "python/src/response.h"

#include <nanobind/ndarray.h>
#include <nanobind/stl/string.h>

#include <memory>
#include <vector>

#include "python/src/numpy_array.h"

namespace attune::python {

namespace nb = nanobind;

namespace {

nb::str Text(const std::string& text) {
  return nb::str(text.data(), text.size());
}

nb::tuple ExplanationTuple(const v1::Explanation& explanation) {
  nb::list reasons;
  for (const v1::Reason& reason : explanation.reasons()) {
    reasons.append(nb::make_tuple(Text(reason.item_id()), Text(reason.title()),
                                  Text(reason.action()), reason.time_ms(),
                                  reason.position(), reason.attention(),
                                  reason.effect()));
  }
  return nb::make_tuple(explanation.match_part(), explanation.fusion_part(),
                        reasons);
}

nb::dict FilteredDict(const v1::Filtered& filtered) {
  nb::dict counts;
  counts["excluded_id"] = filtered.excluded_id();
  counts["unavailable"] = filtered.unavailable();
  counts["seen"] = filtered.seen();
  counts["excluded_category"] = filtered.excluded_category();
  counts["other_category"] = filtered.other_category();
  return counts;
}

/// [rows, tasks] of one repeated field of the items; missing values are NaN.
template <typename Field>
nb::object TaskMatrix(const v1::RankResponse& response, Field field) {
  const size_t tasks = static_cast<size_t>(response.tasks_size());
  std::vector<double> values(response.items().size() * tasks,
                             std::numeric_limits<double>::quiet_NaN());
  size_t row = 0;
  for (const v1::RankedItem& item : response.items()) {
    const auto& numbers = field(item);
    for (size_t t = 0; t < tasks && t < static_cast<size_t>(numbers.size());
         ++t) {
      values[row * tasks + t] = numbers[static_cast<int>(t)];
    }
    ++row;
  }
  return NumpyArray(std::move(values),
                    {static_cast<size_t>(response.items_size()), tasks});
}

}  // namespace

nb::dict ResponseDict(const v1::RankResponse& response) {
  nb::list item_ids, tasks, degraded, explanations;
  std::vector<double> scores;
  bool explained = false;
  for (const v1::RankedItem& item : response.items()) {
    item_ids.append(Text(item.item_id()));
    scores.push_back(item.score());
    explained = explained || item.has_explanation();
  }
  for (const std::string& task : response.tasks()) tasks.append(Text(task));
  for (const std::string& step : response.degraded()) {
    degraded.append(Text(step));
  }
  nb::dict dict;
  dict["item_ids"] = item_ids;
  dict["scores"] = NumpyArray(std::move(scores),
                              {static_cast<size_t>(response.items_size())});
  dict["tasks"] = tasks;
  dict["logits"] =
      TaskMatrix(response, [](const v1::RankedItem& item) -> const auto& {
        return item.task_logits();
      });
  dict["probabilities"] =
      TaskMatrix(response, [](const v1::RankedItem& item) -> const auto& {
        return item.task_probabilities();
      });
  if (explained) {
    for (const v1::RankedItem& item : response.items()) {
      explanations.append(ExplanationTuple(item.explanation()));
    }
    dict["explanations"] = explanations;
  } else {
    dict["explanations"] = nb::none();
  }
  dict["model"] = Text(response.model());
  dict["retrieved"] = response.retrieved();
  dict["candidates_scored"] = response.candidates_scored();
  dict["history_length"] = response.history_length();
  dict["warm"] = response.warm();
  dict["unknown_items"] = response.unknown_items();
  dict["degraded"] = degraded;
  dict["now_ms"] = response.now_ms();
  dict["filtered"] = FilteredDict(response.filtered());
  return dict;
}

}  // namespace attune::python
