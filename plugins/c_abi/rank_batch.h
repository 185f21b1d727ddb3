#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"
#include "base/cancel_flag.h"
#include "engine/engine.h"
#include "proto/attune.pb.h"

namespace attune {

/// Most requests of one batch.
inline constexpr int kMaxBatchRequests = 10'000;
/// Most bytes of a batch's answers together. A request without k or candidates
/// is four bytes, and its answer tens of thousands.
inline constexpr size_t kMaxBatchAnswerBytes = size_t{64} << 20;

/// The bytes of the RankBatchResponse to `batch`: a result per request, in
/// their order. From the first answer that would pass kMaxBatchAnswerBytes on,
/// results are ResourceExhausted, whatever the number of threads; those that
/// are known to be are not worked on. Memory: the bytes, and the answers to
/// some 100,000 candidates. InvalidArgument for too many requests.
absl::StatusOr<std::string> RankBatch(Engine& engine,
                                      const v1::RankBatchRequest& batch,
                                      CancelFlag cancelled);

}  // namespace attune
