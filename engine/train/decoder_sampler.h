#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "base/rng.h"
#include "engine/train/decoder_step.h"
#include "engine/train/example_features.h"
#include "engine/train/options.h"
#include "engine/train/split.h"

namespace attune {

/// Draws what the decoder stage learns from: at some positions of every
/// sequence the true next item among negatives, half of them from the hardest
/// of the match term, half from the rest by log-popularity; and pages of
/// impressions. Const and thread-safe with one Scratch per thread.
class DecoderSampler {
 public:
  DecoderSampler(const Network& network, const TrainOptions& options,
                 const Dataset& dataset, const Split& split,
                 const ExampleFeatures& features,
                 std::span<const int32_t> tasks);

  /// Impressions [begin, end) of a user that were shown together, behind row
  /// `row` of a piece.
  struct Page {
    int64_t row = 0;
    int64_t begin = 0, end = 0;
  };

  struct Scratch {
    ExampleFeatures::Scratch features;
    std::vector<Page> pages;
    std::vector<int64_t> rows;  ///< of a sequence, with a target
    std::vector<float> match;
    std::vector<int32_t> order;
    std::vector<uint8_t> excluded;  // by item
    std::vector<uint8_t> hard;      // by item
  };

  /// Groups for the encoded rows of `rows`; x [N, D] of all items, user [rows,
  /// D]. Appends to `out`.
  void Sample(const MatchBatch& rows, ConstMatrixView x, ConstMatrixView user,
              Rng& rng, Scratch& scratch, DecoderBatch& out) const;

 private:
  void SampleNext(const MatchBatch& rows, size_t sequence, int64_t row,
                  ConstMatrixView x, ConstMatrixView user, Rng& rng,
                  Scratch& scratch, DecoderBatch& out) const;
  // The pages that training may see behind a piece's first `rows` rows.
  void FindPages(const TrainingSequence& piece, int64_t rows,
                 std::vector<Page>& pages) const;
  void SamplePages(const MatchBatch& rows, size_t sequence, Rng& rng,
                   Scratch& scratch, DecoderBatch& out) const;
  // What is asked behind a row.
  struct Moment {
    int64_t now_ms = 0;
    bool has_time = false;
    int32_t context = -1;
  };
  void Begin(const MatchBatch& rows, size_t sequence, int64_t last_row,
             const Moment& moment, Rng& rng, Scratch& scratch,
             DecoderGroup& group) const;
  void AddCandidate(int32_t item, int own, float log_weight, uint32_t followed,
                    Rng& rng, Scratch& scratch, DecoderBatch& out) const;
  int32_t DrawPopular(Rng& rng) const;

  const Network& network_;
  const TrainOptions& options_;
  const Dataset& dataset_;
  const Split& split_;
  const ExampleFeatures& features_;
  std::span<const int32_t> tasks_;
  std::vector<double> cumulative_;  // of log(1 + training users), by item
};

}  // namespace attune
