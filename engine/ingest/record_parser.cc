#include "engine/ingest/record_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <string_view>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/field_values.h"
#include "engine/ingest/record_checks.h"
#include "engine/io/excerpt.h"
#include "engine/io/line_source.h"

namespace attune {
namespace {

using features::Entity;

absl::Status Located(const Record& record, std::string_view message) {
  return RowError(record.path, record.line, message);
}

absl::Status AtField(const Record& record, const RecordField& field,
                     const absl::Status& status) {
  return Located(record, StrCat("field ", Excerpt(field.name), ": ",
                                ToStd(status.message())));
}

// ATTUNE_ASSIGN_OR_RETURN with the place added.
#define ATTUNE_TAKE_FIELD(lhs, expr)                         \
  do {                                                       \
    auto attune_field_ = (expr);                             \
    if (!attune_field_.ok()) {                               \
      return AtField(record, field, attune_field_.status()); \
    }                                                        \
    lhs = *std::move(attune_field_);                         \
  } while (false)

absl::Status MissingField(const Record& record, std::string_view name) {
  for (const RecordField& field : record.fields) {
    if (field.name == name) {
      return Located(record, StrCat("field \"", name, "\": is empty"));
    }
  }
  std::string columns;
  for (const RecordField& field : record.fields) {
    columns += StrCat(columns.empty() ? "" : ", ", field.name);
  }
  return Located(
      record, StrCat("field \"", name, "\": is missing; there are: ", columns,
                     " (--map ", name, "=COLUMN takes another one)"));
}

absl::Status Checked(const Record& record, const absl::Status& status) {
  return status.ok() ? status : Located(record, ToStd(status.message()));
}

}  // namespace

absl::Status RecordParser::AddFeature(const Record& record,
                                      const RecordField& field, Entity entity,
                                      v1::Feature* feature) {
  feature->set_name(std::string(field.name));
  const features::Column* column = schema_->Find(entity, field.name);
  if (column == nullptr) {
    absl::Status set = SetNaturalValue(field, feature->mutable_value());
    return set.ok() ? set : AtField(record, field, set);
  }
  absl::Status set =
      SetFieldValue(field, column->type, feature->mutable_value());
  if (set.ok()) return set;
  const absl::Status error = AtField(record, field, set);
  if (!column->inferred) {
    return absl::Status(error.code(),
                        StrCat(ToStd(error.message()), "; the schema says ",
                               features::ColumnTypeName(column->type)));
  }
  if (misfits_++ == 0) first_misfit_ = std::string(ToStd(error.message()));
  return SetNaturalValue(field, feature->mutable_value());
}

absl::Status RecordParser::ParseItem(const Record& record, v1::Item* item) {
  item->Clear();
  for (const RecordField& field : record.fields) {
    if (field.missing()) continue;
    if (field.name == "item_id") {
      ATTUNE_TAKE_FIELD(*item->mutable_item_id(), FieldId(field));
    } else if (field.name == "title") {
      ATTUNE_TAKE_FIELD(*item->mutable_title(), FieldText(field));
    } else if (field.name == "description") {
      ATTUNE_TAKE_FIELD(*item->mutable_description(), FieldText(field));
    } else if (field.name == "tags") {
      ATTUNE_RETURN_IF_ERROR(AppendFieldList(field, item->mutable_tags()));
    } else if (field.name == "categories") {
      ATTUNE_RETURN_IF_ERROR(
          AppendFieldList(field, item->mutable_categories()));
    } else if (field.name == "unavailable") {
      bool unavailable = false;
      ATTUNE_TAKE_FIELD(unavailable, FieldFlag(field));
      item->set_unavailable(unavailable);
    } else {
      ATTUNE_RETURN_IF_ERROR(
          AddFeature(record, field, Entity::kItem, item->add_features()));
    }
  }
  if (item->item_id().empty()) return MissingField(record, "item_id");
  return Checked(record, CheckItem(item));
}

absl::Status RecordParser::ParseUser(const Record& record, v1::User* user) {
  user->Clear();
  for (const RecordField& field : record.fields) {
    if (field.missing()) continue;
    if (field.name == "user_id") {
      ATTUNE_TAKE_FIELD(*user->mutable_user_id(), FieldId(field));
    } else {
      ATTUNE_RETURN_IF_ERROR(
          AddFeature(record, field, Entity::kUser, user->add_features()));
    }
  }
  if (user->user_id().empty()) return MissingField(record, "user_id");
  return Checked(record, CheckUser(user));
}

absl::Status RecordParser::ParseEvent(const Record& record, v1::Event* event) {
  event->Clear();
  bool has_results = false;
  bool has_seconds = false;
  for (const RecordField& field : record.fields) {
    if (field.name == "action" && !field.missing()) {
      ATTUNE_TAKE_FIELD(*event->mutable_action(), FieldText(field));
    }
  }
  const bool own_action =
      !event->action().empty() && event->action() != features::kImpression;
  for (const RecordField& field : record.fields) {
    if (field.name == "action") continue;
    const std::optional<std::string_view> result =
        own_action ? std::nullopt : schema_->ResultAction(field.name);
    if (result.has_value()) {
      has_results = true;
      bool followed = false;
      if (!field.missing()) ATTUNE_TAKE_FIELD(followed, FieldFlag(field));
      if (followed) event->add_followed(std::string(*result));
    } else if (field.missing()) {
      continue;
    } else if (field.name == "user_id") {
      ATTUNE_TAKE_FIELD(*event->mutable_user_id(), FieldId(field));
    } else if (field.name == "item_id") {
      ATTUNE_TAKE_FIELD(*event->mutable_item_id(), FieldId(field));
    } else if (field.name == "event_id") {
      ATTUNE_TAKE_FIELD(*event->mutable_event_id(), FieldId(field));
    } else if (field.name == "timestamp" || field.name == "time_ms") {
      int64_t time_ms = 0;
      const bool seconds = field.name == "timestamp";
      ATTUNE_TAKE_FIELD(time_ms,
                        seconds ? FieldSeconds(field) : FieldInteger(field));
      if (event->has_time_ms() && seconds != has_seconds) {
        return Located(record,
                       "both \"timestamp\" and \"time_ms\" are given; leave "
                       "one out with --drop");
      }
      has_seconds = seconds;
      event->set_time_ms(time_ms);
    } else if (field.name == "order") {
      int64_t order = 0;
      ATTUNE_TAKE_FIELD(order, FieldInteger(field));
      event->set_order(order);
    } else if (field.name == "followed") {
      ATTUNE_RETURN_IF_ERROR(AppendFieldList(field, event->mutable_followed()));
    } else {
      ATTUNE_RETURN_IF_ERROR(
          AddFeature(record, field, Entity::kEvent, event->add_features()));
    }
  }
  if (event->user_id().empty()) return MissingField(record, "user_id");
  if (event->item_id().empty()) return MissingField(record, "item_id");
  if (event->action().empty()) {
    event->set_action(has_results ? std::string(features::kImpression)
                                  : schema_->actions().default_action());
  }
  // The caller numbers rows that have neither time nor order; the check wants
  // one of them.
  const bool unplaced = !event->has_time_ms() && !event->has_order();
  if (unplaced) event->set_order(0);
  ATTUNE_RETURN_IF_ERROR(Checked(record, CheckEvent(event)));
  if (unplaced) event->clear_order();
  return absl::OkStatus();
}

#undef ATTUNE_TAKE_FIELD

}  // namespace attune
