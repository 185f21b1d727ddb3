#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "engine/io/record.h"
#include "features/column.h"
#include "google/protobuf/repeated_ptr_field.h"
#include "proto/records.pb.h"

namespace attune {

// One field's value in the form that a record needs. Errors are
// InvalidArgument, `not a number (got "abc")`, without place and field name.

/// Text as written; a list is an error.
absl::StatusOr<std::string> FieldText(const RecordField& field);

/// An id (engine/io/id_field.h).
absl::StatusOr<std::string> FieldId(const RecordField& field);

/// The elements of a list or of "a|b" in TSV; one for a single value; none
/// where missing. Empty elements are left out.
absl::Status AppendFieldList(
    const RecordField& field,
    google::protobuf::RepeatedPtrField<std::string>* out);

absl::StatusOr<double> FieldNumber(const RecordField& field);
absl::StatusOr<int64_t> FieldInteger(const RecordField& field);
/// 0, 1, true or false.
absl::StatusOr<bool> FieldFlag(const RecordField& field);
/// Unix ms of seconds (with fraction) or of an ISO 8601 date.
absl::StatusOr<int64_t> FieldSeconds(const RecordField& field);

/// A feature's value under a column type.
absl::Status SetFieldValue(const RecordField& field, features::ColumnType type,
                           v1::Value* value);
/// A feature's value where nothing is known of the column.
absl::Status SetNaturalValue(const RecordField& field, v1::Value* value);

}  // namespace attune
