#pragma once

#include <string_view>

#include "engine/io/record.h"

namespace attune::python {

/// One value of a row as the readers' fields know it; the text lives in the
/// row's scratch or in the host's object.
struct Scalar {
  RecordField::Kind kind = RecordField::Kind::kMissing;
  std::string_view text;
};

}  // namespace attune::python
