#include "features/dense_layout.h"

#include <algorithm>

#include "base/strings.h"

namespace attune::features {
namespace {

bool IsDense(const NumericState& state,
             const RecordPlan::NumericColumn& column) {
  return state.used && column.transform != Transform::kBucket;
}

std::vector<int32_t> DenseColumns(
    const std::vector<NumericState>& states,
    const std::vector<RecordPlan::NumericColumn>& columns) {
  std::vector<int32_t> dense;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (IsDense(states[i], columns[i])) {
      dense.push_back(static_cast<int32_t>(i));
    }
  }
  return dense;
}

void AddNumericNames(std::string_view prefix,
                     const std::vector<int32_t>& indices,
                     const std::vector<RecordPlan::NumericColumn>& columns,
                     std::vector<std::string>& names) {
  for (const int32_t index : indices) {
    const std::string& name = columns[static_cast<size_t>(index)].name;
    names.push_back(StrCat(prefix, name));
    names.push_back(StrCat(prefix, name, ".missing"));
  }
}

}  // namespace

DenseLayout::DenseLayout(const PipelineState& state, const RecordPlan& items,
                         const RecordPlan& users, const RecordPlan& contexts)
    : item_numeric(DenseColumns(state.item_numeric, items.numerics)),
      user_numeric(DenseColumns(state.user_numeric, users.numerics)),
      context_numeric(DenseColumns(state.context_numeric, contexts.numerics)) {
  const auto next = [this] { return static_cast<int32_t>(names.size()); };

  AddNumericNames("item.", item_numeric, items.numerics, names);
  if (state.uses_time) {
    age_columns = static_cast<int32_t>(items.time_names.size());
    for (const std::string& name : items.time_names) {
      names.push_back(StrCat("item.", name, ".age"));
      names.push_back(StrCat("item.", name, ".age.missing"));
    }
  }
  names.emplace_back("item.unknown");

  popularity_begin = next();
  names.emplace_back("popularity.total");
  if (state.has_impressions) names.emplace_back("popularity.impressions");
  if (state.uses_time) {
    windows_begin = next();
    for (const char* name :
         {"hour", "day", "week", "month", "trend", "untimed"}) {
      names.push_back(StrCat("popularity.", name));
    }
  }
  rates_begin = next();
  for (const ActionRate& rate : state.rates) {
    names.push_back(StrCat("rate.", rate.action));
  }

  match_begin.fill(-1);
  for (size_t i = 0; i < items.attributes.size(); ++i) {
    const RecordPlan::AttributeColumn& column = items.attributes[i];
    if (!state.item_fields[i] || column.field >= kMaxMatchFields) continue;
    match_begin[static_cast<size_t>(column.field)] = next();
    for (const char* name :
         {"last", "last3", "short_max", "short", "long_max", "long"}) {
      names.push_back(StrCat("match.", column.name, ".", name));
    }
  }
  if (field_used(kTitleField)) {
    jaccard = next();
    names.emplace_back("match.title.jaccard");
  }
  if (field_used(kSeriesField)) {
    series_begin = next();
    for (const char* name : {"next", "ahead", "behind"}) {
      names.push_back(StrCat("series.", name));
    }
  }
  history_match_begin = next();
  for (const char* name :
       {"match.count", "seen", "seen.recency", "seen.count"}) {
    names.emplace_back(name);
  }

  near_begin = next();
  near_count = static_cast<int32_t>(std::min(item_numeric.size(), kMaxNear));
  for (int32_t i = 0; i < near_count; ++i) {
    const std::string& name =
        items.numerics[static_cast<size_t>(item_numeric[i])].name;
    names.push_back(StrCat("near.", name));
    names.push_back(StrCat("near.", name, ".last"));
    names.push_back(StrCat("delta.", name));
  }

  if (contexts.has_text) {
    text_begin = next();
    for (const char* name : {"title", "words", "all_words", "parts",
                             "title_covered", "parts_covered"}) {
      names.push_back(StrCat("text.", name));
    }
  }

  shared_begin = next();
  AddNumericNames("user.", user_numeric, users.numerics, names);
  names.emplace_back("history.length");
  names.emplace_back("history.empty");
  if (state.uses_time) {
    for (const char* name :
         {"context.hour_sin", "context.hour_cos", "context.weekday_sin",
          "context.weekday_cos", "context.no_clock", "history.since_last",
          "history.since_last.missing"}) {
      names.emplace_back(name);
    }
  }

  context_begin = next();
  AddNumericNames("context.", context_numeric, contexts.numerics, names);
  context_value.assign(static_cast<size_t>(state.contexts.rows()), -1);
  context_missing.fill(-1);
  for (const RecordPlan::AttributeColumn& column : contexts.attributes) {
    if (column.field >= kMaxMatchFields) continue;
    // Rows are by frequency. Which value it is, only its hash says.
    int32_t count = 0;
    for (size_t row = 0; row < context_value.size(); ++row) {
      if (AttributeField(state.contexts.hashes()[row]) != column.field) {
        continue;
      }
      context_value[row] = next() - context_begin;
      names.push_back(StrCat("context.", column.name, ".value", ++count));
      if (count == kMaxContextValues) break;
    }
    context_missing[static_cast<size_t>(column.field)] = next() - context_begin;
    names.push_back(StrCat("context.", column.name, ".missing"));
  }
  if (contexts.has_text) {
    context_text = next() - context_begin;
    names.emplace_back("context.text");
    names.emplace_back("context.text.length");
  }
}

}  // namespace attune::features
