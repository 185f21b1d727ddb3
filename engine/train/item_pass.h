#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/parallel.h"
#include "engine/model/network.h"
#include "engine/train/catalogue.h"

namespace attune {

/// The item tower over the active items of a step, cut into fixed slices that
/// run in parallel: vectors forward, gradients back.
class ItemPass {
 public:
  ItemPass(const Network& network, const Catalogue& catalogue, int slices);

  /// The items of the next steps, by dataset index.
  void SetActive(std::span<const int32_t> items);
  int64_t active_count() const { return active_count_; }

  /// x [A, D]. Ids are dropped with the given rate from a stream of `seed`.
  absl::Status Forward(ThreadPool& pool, std::span<const float> values,
                       float id_dropout, uint64_t seed, MatrixView x);
  /// Adds slice s's parameter gradients to gradients[s].
  absl::Status Backward(ThreadPool& pool, std::span<const float> values,
                        ConstMatrixView dx,
                        std::span<const std::span<float>> gradients);

  enum class Ids { kUsed, kDropped };
  /// Inference: vectors and query projections of all of `catalogue`, x and q
  /// [items, D], by `network` prepared for inference. With kDropped every item
  /// is as one that training has not seen.
  static absl::Status EncodeAll(ThreadPool& pool, const Network& network,
                                std::span<const float> values,
                                const Catalogue& catalogue, MatrixView x,
                                MatrixView q, Ids ids = Ids::kUsed);
  /// x [2 items, D]: the vectors of all, then with kDropped.
  static absl::StatusOr<std::vector<float>> EncodeTwice(
      ThreadPool& pool, const Network& network, std::span<const float> values,
      const Catalogue& catalogue);

 private:
  struct Slice {
    ExecutionContext context;
    ItemBatch batch;
    std::vector<int32_t> id_rows;  ///< before dropout
    ItemEncoder::Saved saved;
    std::vector<float> score_gradients;
    int64_t begin = 0;
  };

  const Network& network_;
  const Catalogue& catalogue_;
  std::vector<Slice> slices_;
  int64_t active_count_ = 0;
};

}  // namespace attune
