#include "engine/train/item_pass.h"

#include <algorithm>

#include "base/status_macros.h"
#include "engine/model/scorer.h"

namespace attune {
namespace {

absl::Status FirstError(std::span<const absl::Status> statuses) {
  for (const absl::Status& status : statuses) {
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

ItemPass::ItemPass(const Network& network, const Catalogue& catalogue,
                   int slices)
    : network_(network), catalogue_(catalogue), slices_(slices) {}

void ItemPass::SetActive(std::span<const int32_t> items) {
  active_count_ = static_cast<int64_t>(items.size());
  for (size_t s = 0; s < slices_.size(); ++s) {
    Slice& slice = slices_[s];
    const size_t begin = items.size() * s / slices_.size();
    const size_t end = items.size() * (s + 1) / slices_.size();
    slice.batch.Clear();
    catalogue_.AddTo(items.subspan(begin, end - begin), slice.batch);
    slice.id_rows = slice.batch.id_rows;
    slice.begin = static_cast<int64_t>(begin);
  }
}

absl::Status ItemPass::Forward(ThreadPool& pool, std::span<const float> values,
                               float id_dropout, uint64_t seed, MatrixView x) {
  std::vector<absl::Status> statuses(slices_.size());
  pool.ParallelFor(static_cast<int64_t>(slices_.size()), [&](int64_t s) {
    Slice& slice = slices_[s];
    slice.context.workspace.Reset();
    Rng rng(seed + static_cast<uint64_t>(s));
    for (size_t i = 0; i < slice.id_rows.size(); ++i) {
      slice.batch.id_rows[i] =
          rng.Bernoulli(id_dropout) ? -1 : slice.id_rows[i];
    }
    if (slice.batch.size() == 0) return;
    statuses[s] = network_.items().Forward(
        slice.context, values, slice.batch,
        x.rows_slice(slice.begin, slice.batch.size()), &slice.saved);
  });
  return FirstError(statuses);
}

absl::Status ItemPass::Backward(ThreadPool& pool, std::span<const float> values,
                                ConstMatrixView dx,
                                std::span<const std::span<float>> gradients) {
  const ModelConfig& config = network_.config();
  std::vector<absl::Status> statuses(slices_.size());
  pool.ParallelFor(static_cast<int64_t>(slices_.size()), [&](int64_t s) {
    Slice& slice = slices_[s];
    if (slice.batch.size() == 0) return;
    slice.score_gradients.assign(
        static_cast<size_t>(config.text_buckets) * config.text_heads, 0.0f);
    MatrixView scores(slice.score_gradients.data(),
                      {config.text_buckets, config.text_heads});
    statuses[s] = network_.items().Backward(
        slice.context, values, slice.batch, slice.saved,
        dx.rows_slice(slice.begin, slice.batch.size()), scores, gradients[s]);
    if (!statuses[s].ok()) return;
    statuses[s] = network_.items().BackwardScores(slice.context, values, scores,
                                                  gradients[s]);
  });
  return FirstError(statuses);
}

absl::Status ItemPass::EncodeAll(ThreadPool& pool, const Network& network,
                                 std::span<const float> values,
                                 const Catalogue& catalogue, MatrixView x,
                                 MatrixView q, Ids ids) {
  constexpr int64_t kChunk = 512;
  const int64_t chunks = (catalogue.size() + kChunk - 1) / kChunk;
  std::vector<absl::Status> statuses(chunks);
  const Scorer scorer(network, values);
  pool.ParallelFor(chunks, [&](int64_t chunk) {
    ExecutionContext context;
    const int64_t begin = chunk * kChunk;
    const int64_t count = std::min<int64_t>(kChunk, catalogue.size() - begin);
    std::vector<int32_t> items(count);
    for (int64_t i = 0; i < count; ++i) {
      items[i] = static_cast<int32_t>(begin + i);
    }
    ItemBatch batch;
    catalogue.AddTo(items, batch);
    if (ids == Ids::kDropped) {
      std::fill(batch.id_rows.begin(), batch.id_rows.end(), -1);
    }
    statuses[chunk] = scorer.EncodeItems(
        context, batch, x.rows_slice(begin, count), q.rows_slice(begin, count));
  });
  return FirstError(statuses);
}

absl::StatusOr<std::vector<float>> ItemPass::EncodeTwice(
    ThreadPool& pool, const Network& network, std::span<const float> values,
    const Catalogue& catalogue) {
  const int64_t count = catalogue.size();
  const int64_t width = network.config().width;
  std::vector<float> x(static_cast<size_t>(2 * count * width));
  std::vector<float> q(static_cast<size_t>(count * width));  // not wanted
  const MatrixView both(x.data(), {2 * count, width});
  const MatrixView queries(q.data(), {count, width});
  ATTUNE_RETURN_IF_ERROR(EncodeAll(pool, network, values, catalogue,
                                   both.rows_slice(0, count), queries));
  ATTUNE_RETURN_IF_ERROR(EncodeAll(pool, network, values, catalogue,
                                   both.rows_slice(count, count), queries,
                                   Ids::kDropped));
  return x;
}

}  // namespace attune
