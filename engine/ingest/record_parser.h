#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "engine/io/record.h"
#include "features/schema.h"
#include "proto/records.pb.h"

namespace attune {

/// Turns rows of files into records. The fixed names of each kind are its
/// fields; every other column is a feature whose value takes the form that the
/// schema's type has:
///   numeric            number; text that is one; true and false as 1 and 0
///   text, categorical  text as written in the file ("007", "1.0")
///   multi              list; in TSV "a|b"; a single value is a list of one
///   time               number or text, as it is written
///   no column          what it looks like: JSON's type; in TSV a number by
///                      JSON's grammar, a list where it holds "|", else text
/// Empty cells, null and "" are missing. Ids are text exactly as written.
/// Every error is InvalidArgument and begins with file and line. Not
/// thread-safe.
class RecordParser {
 public:
  /// `schema` must outlive the parser.
  explicit RecordParser(const features::Schema* schema) : schema_(schema) {}

  /// The out-parameter is cleared first; unspecified on error.
  absl::Status ParseItem(const Record& record, v1::Item* item);
  absl::Status ParseUser(const Record& record, v1::User* user);
  /// Leaves time and order unset where the row has none. A row without action,
  /// or with "impression", that has 0/1 result columns (Schema::ResultAction)
  /// is an impression; one without either gets the default action.
  absl::Status ParseEvent(const Record& record, v1::Event* event);

  /// Values that did not fit a type which was only inferred: stored as they
  /// look, and missing for the model. (A declared type makes it an error.)
  int64_t misfits() const { return misfits_; }
  /// Place and text of the first one.
  const std::string& first_misfit() const { return first_misfit_; }

 private:
  absl::Status AddFeature(const Record& record, const RecordField& field,
                          features::Entity entity, v1::Feature* feature);

  const features::Schema* schema_;
  int64_t misfits_ = 0;
  std::string first_misfit_;
};

}  // namespace attune
