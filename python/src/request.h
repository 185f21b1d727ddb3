#pragma once

#include <nanobind/nanobind.h>

#include "features/schema.h"
#include "proto/attune.pb.h"

namespace attune::python {

/// A RankRequest of a dict whose keys are the arguments of Database.rank
/// (attune/_database.py). Raises InvalidArgument that names the argument.
v1::RankRequest MakeRequest(const nanobind::dict& arguments,
                            const features::Schema& schema);

}  // namespace attune::python
