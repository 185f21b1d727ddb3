#include "features/pipeline_state.h"

#include <cmath>
#include <utility>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "features/item_counters.h"
#include "features/record_plan.h"
#include "features/strict_json.h"

namespace attune::features {
namespace {

using nlohmann::ordered_json;

constexpr int32_t kFormat = 1;
constexpr int32_t kMaxTokens = 1024;
constexpr int32_t kMaxProfileEvents = 100'000;

ordered_json NumericToJson(const std::vector<NumericState>& columns) {
  ordered_json json = ordered_json::array();
  for (const NumericState& column : columns) {
    json.push_back({{"used", column.used},
                    {"mean", column.mean},
                    {"deviation", column.deviation},
                    {"bounds", column.bounds}});
  }
  return json;
}

absl::StatusOr<std::vector<NumericState>> NumericFromJson(
    const JsonPlace& place) {
  constexpr double kMax = 1e300;
  std::vector<NumericState> columns;
  ATTUNE_ASSIGN_OR_RETURN(const auto elements, place.Elements());
  for (const JsonPlace& element : elements) {
    ATTUNE_RETURN_IF_ERROR(
        element.ExpectFields({"used", "mean", "deviation", "bounds"}));
    NumericState column;
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace used, element.Field("used"));
    ATTUNE_ASSIGN_OR_RETURN(column.used, used.Bool());
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace mean, element.Field("mean"));
    ATTUNE_ASSIGN_OR_RETURN(column.mean, mean.Number(-kMax, kMax));
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace deviation,
                            element.Field("deviation"));
    ATTUNE_ASSIGN_OR_RETURN(column.deviation, deviation.Number(0, kMax));
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace bounds, element.Field("bounds"));
    ATTUNE_ASSIGN_OR_RETURN(const auto values, bounds.Elements());
    for (const JsonPlace& value : values) {
      ATTUNE_ASSIGN_OR_RETURN(const double bound, value.Number(-kMax, kMax));
      column.bounds.push_back(bound);
    }
    columns.push_back(std::move(column));
  }
  return columns;
}

ordered_json VocabularyToJson(const Vocabulary& vocabulary) {
  return {{"hashes", vocabulary.HashesAsHex()}, {"idf", vocabulary.IdfAsHex()}};
}

absl::StatusOr<Vocabulary> VocabularyFromJson(const JsonPlace& place) {
  ATTUNE_RETURN_IF_ERROR(place.ExpectFields({"hashes", "idf"}));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace hashes, place.Field("hashes"));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace idf, place.Field("idf"));
  ATTUNE_ASSIGN_OR_RETURN(const std::string hash_text, hashes.String());
  ATTUNE_ASSIGN_OR_RETURN(const std::string idf_text, idf.String());
  auto vocabulary = Vocabulary::FromHex(hash_text, idf_text);
  if (!vocabulary.ok()) {
    return place.Error(ToStd(vocabulary.status().message()));
  }
  return vocabulary;
}

absl::StatusOr<std::vector<ActionRate>> RatesFromJson(const JsonPlace& place) {
  std::vector<ActionRate> rates;
  ATTUNE_ASSIGN_OR_RETURN(const auto elements, place.Elements());
  for (const JsonPlace& element : elements) {
    ATTUNE_RETURN_IF_ERROR(element.ExpectFields({"action", "base"}));
    ActionRate rate;
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace action, element.Field("action"));
    ATTUNE_ASSIGN_OR_RETURN(rate.action, action.String());
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace base, element.Field("base"));
    ATTUNE_ASSIGN_OR_RETURN(rate.base, base.Number(0, 1));
    rates.push_back(std::move(rate));
  }
  return rates;
}

absl::Status CheckNumeric(std::string_view what,
                          const std::vector<NumericState>& columns,
                          size_t expected) {
  if (columns.size() != expected) {
    return absl::InvalidArgumentError(StrCat(
        what, ": ", columns.size(), " columns, the schema has ", expected));
  }
  for (size_t i = 0; i < columns.size(); ++i) {
    const NumericState& column = columns[i];
    bool ok = std::isfinite(column.mean) && std::isfinite(column.deviation) &&
              column.deviation > 0;
    for (size_t k = 0; k < column.bounds.size(); ++k) {
      ok = ok && std::isfinite(column.bounds[k]) &&
           (k == 0 || column.bounds[k - 1] < column.bounds[k]);
    }
    if (!ok) {
      return absl::InvalidArgumentError(
          StrCat(what, "[", i,
                 "]: needs a finite mean, a deviation above 0 and ascending "
                 "bounds"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckRange(std::string_view what, int64_t value, int64_t maximum) {
  if (value >= 1 && value <= maximum) return absl::OkStatus();
  return absl::InvalidArgumentError(
      StrCat(what, " is ", value, ", expected 1 to ", maximum));
}

}  // namespace

absl::Status CheckState(const PipelineState& state) {
  ATTUNE_RETURN_IF_ERROR(
      CheckRange("max_text_tokens", state.max_text_tokens, kMaxTokens));
  ATTUNE_RETURN_IF_ERROR(CheckRange("max_attribute_tokens",
                                    state.max_attribute_tokens, kMaxTokens));
  ATTUNE_RETURN_IF_ERROR(
      CheckRange("profile_events", state.profile_events, kMaxProfileEvents));
  const RecordPlan items(state.schema, Entity::kItem);
  const RecordPlan users(state.schema, Entity::kUser);
  const RecordPlan contexts(state.schema, Entity::kEvent);
  if (state.item_fields.size() != items.attributes.size()) {
    return absl::InvalidArgumentError(
        StrCat("item_fields: ", state.item_fields.size(),
               " fields, the schema has ", items.attributes.size()));
  }
  ATTUNE_RETURN_IF_ERROR(
      CheckNumeric("item_numeric", state.item_numeric, items.numerics.size()));
  ATTUNE_RETURN_IF_ERROR(
      CheckNumeric("user_numeric", state.user_numeric, users.numerics.size()));
  ATTUNE_RETURN_IF_ERROR(CheckNumeric("context_numeric", state.context_numeric,
                                      contexts.numerics.size()));
  if (state.rates.size() > kMaxRates) {
    return absl::InvalidArgumentError(
        StrCat(state.rates.size(), " rates, at most ", kMaxRates));
  }
  for (const ActionRate& rate : state.rates) {
    if (!(rate.base > 0 && rate.base < 1)) {
      return absl::InvalidArgumentError(StrCat("rate of \"", rate.action,
                                               "\" is ", rate.base,
                                               ", expected within (0, 1)"));
    }
  }
  return absl::OkStatus();
}

std::string StateToJson(const PipelineState& state) {
  ordered_json json;
  json["format"] = kFormat;
  json["schema"] = ordered_json::parse(state.schema.ToJson());
  json["max_text_tokens"] = state.max_text_tokens;
  json["max_attribute_tokens"] = state.max_attribute_tokens;
  json["profile_events"] = state.profile_events;
  json["items"] = state.items;
  json["uses_time"] = state.uses_time;
  json["has_impressions"] = state.has_impressions;
  json["item_fields"] = state.item_fields;
  json["item_numeric"] = NumericToJson(state.item_numeric);
  json["user_numeric"] = NumericToJson(state.user_numeric);
  json["rates"] = ordered_json::array();
  for (const ActionRate& rate : state.rates) {
    json["rates"].push_back({{"action", rate.action}, {"base", rate.base}});
  }
  json["text"] = VocabularyToJson(state.text);
  json["attributes"] = VocabularyToJson(state.attributes);
  json["users"] = VocabularyToJson(state.users);
  const RecordPlan plan(state.schema, Entity::kEvent);
  if (!plan.empty()) {
    json["context_numeric"] = NumericToJson(state.context_numeric);
    json["contexts"] = VocabularyToJson(state.contexts);
  }
  if (plan.has_text) json["search"] = VocabularyToJson(state.search);
  return json.dump(1, ' ', false, ordered_json::error_handler_t::replace);
}

absl::StatusOr<PipelineState> StateFromJson(std::string_view text,
                                            std::string_view source) {
  ATTUNE_ASSIGN_OR_RETURN(const nlohmann::json document,
                          ParseStrictJson(text, source));
  const JsonPlace root(document, source);
  ATTUNE_RETURN_IF_ERROR(root.ExpectFields(
      {"format", "schema", "max_text_tokens", "max_attribute_tokens",
       "profile_events", "items", "uses_time", "has_impressions", "item_fields",
       "item_numeric", "user_numeric", "rates", "text", "attributes", "users",
       "context_numeric", "contexts", "search"}));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace format, root.Field("format"));
  ATTUNE_RETURN_IF_ERROR(format.Integer(kFormat, kFormat).status());

  PipelineState state;
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace schema, root.Field("schema"));
  ATTUNE_ASSIGN_OR_RETURN(
      state.schema, Schema::FromJson(schema.value().dump(), schema.Describe()));

  const auto read_integer = [&root](std::string_view field,
                                    auto* out) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace place, root.Field(field));
    ATTUNE_ASSIGN_OR_RETURN(const int64_t value,
                            place.Integer(0, int64_t{1} << 40));
    *out = static_cast<std::remove_pointer_t<decltype(out)>>(value);
    if (*out != value) return place.Error(StrCat(value, " is too large"));
    return absl::OkStatus();
  };
  const auto read_bool = [&root](std::string_view field,
                                 bool* out) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace place, root.Field(field));
    ATTUNE_ASSIGN_OR_RETURN(*out, place.Bool());
    return absl::OkStatus();
  };
  ATTUNE_RETURN_IF_ERROR(
      read_integer("max_text_tokens", &state.max_text_tokens));
  ATTUNE_RETURN_IF_ERROR(
      read_integer("max_attribute_tokens", &state.max_attribute_tokens));
  ATTUNE_RETURN_IF_ERROR(read_integer("profile_events", &state.profile_events));
  ATTUNE_RETURN_IF_ERROR(read_integer("items", &state.items));
  ATTUNE_RETURN_IF_ERROR(read_bool("uses_time", &state.uses_time));
  ATTUNE_RETURN_IF_ERROR(read_bool("has_impressions", &state.has_impressions));

  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace fields, root.Field("item_fields"));
  ATTUNE_ASSIGN_OR_RETURN(const auto field_elements, fields.Elements());
  for (const JsonPlace& element : field_elements) {
    ATTUNE_ASSIGN_OR_RETURN(const bool used, element.Bool());
    state.item_fields.push_back(used);
  }
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace items, root.Field("item_numeric"));
  ATTUNE_ASSIGN_OR_RETURN(state.item_numeric, NumericFromJson(items));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace users, root.Field("user_numeric"));
  ATTUNE_ASSIGN_OR_RETURN(state.user_numeric, NumericFromJson(users));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace rates, root.Field("rates"));
  ATTUNE_ASSIGN_OR_RETURN(state.rates, RatesFromJson(rates));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace words, root.Field("text"));
  ATTUNE_ASSIGN_OR_RETURN(state.text, VocabularyFromJson(words));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace attributes, root.Field("attributes"));
  ATTUNE_ASSIGN_OR_RETURN(state.attributes, VocabularyFromJson(attributes));
  ATTUNE_ASSIGN_OR_RETURN(const JsonPlace user_tokens, root.Field("users"));
  ATTUNE_ASSIGN_OR_RETURN(state.users, VocabularyFromJson(user_tokens));
  if (root.Has("contexts")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace numbers,
                            root.Field("context_numeric"));
    ATTUNE_ASSIGN_OR_RETURN(state.context_numeric, NumericFromJson(numbers));
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace values, root.Field("contexts"));
    ATTUNE_ASSIGN_OR_RETURN(state.contexts, VocabularyFromJson(values));
  }
  if (root.Has("search")) {
    ATTUNE_ASSIGN_OR_RETURN(const JsonPlace search, root.Field("search"));
    ATTUNE_ASSIGN_OR_RETURN(state.search, VocabularyFromJson(search));
  }

  const absl::Status checked = CheckState(state);
  if (!checked.ok()) return root.Error(ToStd(checked.message()));
  return state;
}

}  // namespace attune::features
