#pragma once

#include <nanobind/nanobind.h>

namespace attune::python {

/// _attune.Embedder: what a worker of attune.spark.embed and attune.ray.embed
/// does with its rows.
void BindEmbedder(nanobind::module_& module);

}  // namespace attune::python
