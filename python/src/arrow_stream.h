#pragma once

#include <nanobind/nanobind.h>

#include <string_view>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "python/src/row_scratch.h"

namespace attune::python {

/// Every row of an object with __arrow_c_stream__ (tables and readers of
/// pyarrow, pandas, polars, …) to `row`, whose record lives during the call.
/// Its path is `name`, its line the row, from 1. Nothing is copied; the GIL is
/// given up while a batch is read. Raises what the object raises,
/// InvalidArgument for types that are not taken, and what `row` returns.
void ForEachArrowRow(nanobind::handle table, std::string_view name,
                     absl::FunctionRef<absl::Status(const Record&)> row);

}  // namespace attune::python
