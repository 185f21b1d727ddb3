#pragma once

#include <nanobind/nanobind.h>

namespace attune::python {

/// _attune.ingest, train and evaluate: what the program's commands of these
/// names do, with dicts for results. They open the database themselves.
void BindTraining(nanobind::module_& module);

}  // namespace attune::python
