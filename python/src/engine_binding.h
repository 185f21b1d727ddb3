#pragma once

#include <nanobind/nanobind.h>

namespace attune::python {

/// The class _attune.Engine: an open database by the C interface, whose handles
/// may be closed at any time from any thread and refuse to work after fork().
void BindEngine(nanobind::module_& module);

}  // namespace attune::python
