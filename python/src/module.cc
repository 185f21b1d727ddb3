// The extension module _attune: what attune/*.py is made of.
#include <nanobind/nanobind.h>

#include "plugins/c_abi/attune.h"
#include "python/src/embedder_binding.h"
#include "python/src/engine_binding.h"
#include "python/src/training_binding.h"

NB_MODULE(_attune, module) {
  module.doc() = "The engine behind the package attune.";
  module.attr("version") = attune_version();
  attune::python::BindEngine(module);
  attune::python::BindEmbedder(module);
  attune::python::BindTraining(module);
}
