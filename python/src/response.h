#pragma once

#include <nanobind/nanobind.h>

#include "proto/attune.pb.h"

namespace attune::python {

/// The fields of attune._ranking.Ranking: lists and NumPy arrays of a response.
///   item_ids [k] list of str, scores [k] float64, logits and probabilities
///   [k, tasks] float64, explanations None or [k] of (match_part, fusion_part,
///   [(item_id, title, action, time_ms, position, attention, effect), …])
nanobind::dict ResponseDict(const v1::RankResponse& response);

}  // namespace attune::python
