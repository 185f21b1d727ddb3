#include "engine/ingest/record_checks.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "features/action_policy.h"
#include "features/utf8.h"
#include "storage/write_group.h"

namespace attune {
namespace {

absl::Status FieldError(std::string_view field, std::string_view message) {
  return absl::InvalidArgumentError(StrCat("field \"", field, "\": ", message));
}

absl::Status CheckText(std::string_view field, std::string_view text) {
  if (features::IsValidUtf8(text)) return absl::OkStatus();
  return FieldError(field, "not valid UTF-8");
}

absl::Status CheckId(std::string_view field, std::string_view id) {
  if (id.empty()) return FieldError(field, "is empty");
  if (id.size() > storage::kMaxIdBytes) {
    return FieldError(field, StrCat("has ", id.size(), " bytes, at most ",
                                    storage::kMaxIdBytes, " are allowed"));
  }
  return CheckText(field, id);
}

template <typename Texts>
absl::Status CheckTexts(std::string_view field, const Texts& texts) {
  for (const std::string& text : texts) {
    ATTUNE_RETURN_IF_ERROR(CheckText(field, text));
  }
  return absl::OkStatus();
}

bool IsEmpty(const v1::Value& value) {
  switch (value.kind_case()) {
    case v1::Value::kNumber:
      return false;
    case v1::Value::kText:
      return value.text().empty();
    case v1::Value::kList:
      return value.list().values().empty();
    case v1::Value::KIND_NOT_SET:
      return true;
  }
  return true;
}

absl::Status CheckFeatures(
    google::protobuf::RepeatedPtrField<v1::Feature>* features) {
  features->erase(std::remove_if(features->begin(), features->end(),
                                 [](const v1::Feature& feature) {
                                   return IsEmpty(feature.value());
                                 }),
                  features->end());
  if (features->size() > kMaxFeaturesPerRecord) {
    return absl::InvalidArgumentError(
        StrCat(features->size(), " features, at most ", kMaxFeaturesPerRecord,
               " are allowed"));
  }
  const auto by_name = [](const v1::Feature& a, const v1::Feature& b) {
    return a.name() < b.name();
  };
  if (!std::is_sorted(features->begin(), features->end(), by_name)) {
    std::sort(features->begin(), features->end(), by_name);
  }
  for (int i = 0; i < features->size(); ++i) {
    const v1::Feature& feature = features->Get(i);
    if (feature.name().empty()) {
      return absl::InvalidArgumentError("a feature has no name");
    }
    ATTUNE_RETURN_IF_ERROR(CheckText(feature.name(), feature.name()));
    if (i > 0 && features->Get(i - 1).name() == feature.name()) {
      return FieldError(feature.name(), "is there twice");
    }
    const v1::Value& value = feature.value();
    if (value.has_number() && !std::isfinite(value.number())) {
      return FieldError(feature.name(), "is not a finite number");
    }
    if (value.has_text()) {
      ATTUNE_RETURN_IF_ERROR(CheckText(feature.name(), value.text()));
    }
    if (value.has_list()) {
      ATTUNE_RETURN_IF_ERROR(CheckTexts(feature.name(), value.list().values()));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckAction(std::string_view field, std::string_view action) {
  if (action.empty()) return FieldError(field, "is empty");
  if (action.size() > kMaxActionBytes) {
    return FieldError(field, StrCat("has ", action.size(), " bytes, at most ",
                                    kMaxActionBytes, " are allowed"));
  }
  return CheckText(field, action);
}

}  // namespace

absl::Status CheckItem(v1::Item* item) {
  ATTUNE_RETURN_IF_ERROR(CheckId("item_id", item->item_id()));
  ATTUNE_RETURN_IF_ERROR(CheckText("title", item->title()));
  ATTUNE_RETURN_IF_ERROR(CheckText("description", item->description()));
  ATTUNE_RETURN_IF_ERROR(CheckTexts("tags", item->tags()));
  ATTUNE_RETURN_IF_ERROR(CheckTexts("categories", item->categories()));
  return CheckFeatures(item->mutable_features());
}

absl::Status CheckUser(v1::User* user) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user_id", user->user_id()));
  return CheckFeatures(user->mutable_features());
}

absl::Status CheckEvent(v1::Event* event) {
  ATTUNE_RETURN_IF_ERROR(CheckId("user_id", event->user_id()));
  ATTUNE_RETURN_IF_ERROR(CheckId("item_id", event->item_id()));
  ATTUNE_RETURN_IF_ERROR(CheckAction("action", event->action()));
  if (!event->event_id().empty()) {
    ATTUNE_RETURN_IF_ERROR(CheckId("event_id", event->event_id()));
  }
  if (!event->has_time_ms() && !event->has_order()) {
    return absl::InvalidArgumentError(
        "the event has neither a time nor an order");
  }
  if (event->has_time_ms() &&
      (event->time_ms() < 0 || event->time_ms() > kMaxTimeMs)) {
    return FieldError("time_ms", StrCat(event->time_ms(),
                                        " is not between the years 1970 and "
                                        "2100"));
  }
  if (!event->followed().empty() && event->action() != features::kImpression) {
    return FieldError("followed", StrCat("is for impressions, the action is ",
                                         Excerpt(event->action())));
  }
  for (int i = 0; i < event->followed_size(); ++i) {
    const std::string& action = event->followed(i);
    ATTUNE_RETURN_IF_ERROR(CheckAction("followed", action));
    if (action == features::kImpression ||
        std::find(event->followed().begin(), event->followed().begin() + i,
                  action) != event->followed().begin() + i) {
      return FieldError(
          "followed", StrCat(Excerpt(action), " cannot be there",
                             action == features::kImpression ? "" : " twice"));
    }
  }
  return CheckFeatures(event->mutable_features());
}

}  // namespace attune
