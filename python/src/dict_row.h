#pragma once

#include <nanobind/nanobind.h>

#include <string_view>

#include "python/src/row_scratch.h"

namespace attune::python {

/// A dict as a row, as a JSON object would be one: None and NaN are missing,
/// lists are multi-valued; what is no plain Python value (NumPy scalars,
/// pandas and datetime times) goes through attune._tables.plain first. `place`
/// ("items:3") begins the InvalidArgument for a dict or a value of another
/// kind. The row's views live as long as what is returned, and `scratch`.
/// Needs the GIL.
[[nodiscard]] nanobind::object ReadDictRow(nanobind::handle row,
                                           std::string_view place,
                                           RowScratch* scratch);

}  // namespace attune::python
