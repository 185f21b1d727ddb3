#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "python/src/arrow_abi.h"
#include "python/src/row_scratch.h"

namespace attune::python {

/// Whether columns of this type can be read: numbers, booleans, texts, times,
/// dictionaries of them, lists of them. InvalidArgument names the format.
absl::Status CheckArrowType(const ArrowSchema& schema);

/// Value `row` (from 0, before the array's own offset) of a column that
/// CheckArrowType took. Texts are views into Arrow's buffers; times become
/// seconds, in columns named "time_ms" milliseconds; NaN is missing. No GIL
/// needed.
absl::Status ReadArrowValue(const ArrowSchema& schema, const ArrowArray& array,
                            int64_t row, RowScratch* scratch,
                            RecordField* field);

}  // namespace attune::python
