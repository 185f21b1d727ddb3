#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/io/record.h"
#include "features/schema.h"
#include "proto/attune.pb.h"

namespace CLI {
class App;
}

namespace attune {

/// `--context NAME=VALUE`, which may be given again, of `rank` and `batch`.
/// `values` must outlive the command.
void AddContextOption(CLI::App& command, std::vector<std::string>* values);

/// The values in the form that the database's schema gives them; "a|b" is a
/// list in a multi-valued column. InvalidArgument names what is no context and
/// what is.
absl::StatusOr<std::vector<v1::Feature>> MakeContext(
    const std::vector<std::string>& values, const std::string& database);

/// One value of a recorded request. Nothing for a missing one.
absl::Status AddContextField(
    const features::Schema& schema, const RecordField& field,
    google::protobuf::RepeatedPtrField<v1::Feature>* context);

}  // namespace attune
