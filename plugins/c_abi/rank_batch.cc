#include "plugins/c_abi/rank_batch.h"

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

/// Answers are held as messages for so many candidates at a time.
constexpr int64_t kWaveCandidates = 100'000;
constexpr size_t kWaveRequests = 256;  ///< enough for any number of threads

/// Items that an answer may have.
int64_t Candidates(const v1::RankRequest& request) {
  constexpr int64_t kRetrieved = 1000;
  const int64_t given =
      int64_t{request.candidate_ids_size()} + request.candidates_size();
  return given > 0 ? given : kRetrieved;
}

/// How many of the requests are answered together, at least one.
size_t WaveSize(std::span<const v1::RankRequest* const> requests) {
  int64_t candidates = 0;
  size_t size = 0;
  while (size < requests.size() && size < kWaveRequests) {
    candidates += Candidates(*requests[size]);
    if (size > 0 && candidates > kWaveCandidates) break;
    ++size;
  }
  return size;
}

v1::RankResult Failed(const absl::Status& status) {
  v1::RankResult result;
  result.set_code(static_cast<int>(status.code()));
  result.set_message(std::string(status.message()));
  return result;
}

/// One more element of RankBatchResponse.results.
void Append(const v1::RankResult& result, std::string* bytes) {
  constexpr char kTag = v1::RankBatchResponse::kResultsFieldNumber << 3 | 2;
  bytes->push_back(kTag);
  size_t size = result.ByteSizeLong();
  for (; size >= 0x80; size >>= 7) {
    bytes->push_back(static_cast<char>(size | 0x80));
  }
  bytes->push_back(static_cast<char>(size));
  result.AppendToString(bytes);
}

}  // namespace

absl::StatusOr<std::string> RankBatch(Engine& engine,
                                      const v1::RankBatchRequest& batch,
                                      CancelFlag cancelled) {
  if (batch.requests_size() > kMaxBatchRequests) {
    return absl::InvalidArgumentError(absl::StrCat(
        "RankBatchRequest.requests: ", batch.requests_size(),
        " requests, at most ", kMaxBatchRequests, " are taken in one call"));
  }
  CallOptions options;
  options.cancelled = cancelled;
  std::span<const v1::RankRequest* const> left(
      batch.requests().data(), static_cast<size_t>(batch.requests_size()));
  std::string bytes;
  bool full = false;
  const absl::Status no_room = absl::ResourceExhaustedError(absl::StrCat(
      "the answers of this batch would have more than ",
      kMaxBatchAnswerBytes >> 20,
      " MiB: ask for fewer items (k), or for this one in another call"));
  while (!left.empty()) {
    const size_t size = full ? left.size() : WaveSize(left);
    std::vector<absl::StatusOr<v1::RankResponse>> responses;
    if (!full) responses = engine.RankMany(left.first(size), options);
    for (size_t i = 0; i < size; ++i) {
      v1::RankResult result;
      if (full) {
        result = Failed(no_room);
      } else if (responses[i].ok()) {
        *result.mutable_response() = *std::move(responses[i]);
        full = bytes.size() + result.ByteSizeLong() > kMaxBatchAnswerBytes;
        if (full) result = Failed(no_room);
      } else {
        result = Failed(responses[i].status());
      }
      Append(result, &bytes);
    }
    left = left.subspan(size);
  }
  return bytes;
}

}  // namespace attune
