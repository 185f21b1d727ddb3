#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "features/dense_layout.h"
#include "features/pipeline.h"
#include "features/pipeline_state.h"
#include "features/popularity_features.h"
#include "features/record_plan.h"
#include "features/record_reader.h"

namespace attune::features {

/// Readers for concurrent callers, made by cloning one tokenizer. Thread-safe.
class ReaderPool {
 public:
  ReaderPool(const RecordPlan& plan, std::unique_ptr<Tokenizer> prototype)
      : plan_(plan), prototype_(std::move(prototype)) {}

  /// Gives a reader back at its end.
  class Lease {
   public:
    /// Throws std::bad_alloc where there is no memory for another reader.
    explicit Lease(ReaderPool& pool);
    ~Lease();
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    RecordReader& operator*() { return *reader_; }
    RecordReader* operator->() { return reader_.get(); }

   private:
    ReaderPool& pool_;
    std::unique_ptr<RecordReader> reader_;
  };

 private:
  const RecordPlan& plan_;
  const std::unique_ptr<Tokenizer> prototype_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<RecordReader>> idle_;
};

/// Members point at each other: never moved.
struct Pipeline::Impl {
  Impl(PipelineState learned, std::unique_ptr<Tokenizer> item_tokenizer,
       std::unique_ptr<Tokenizer> user_tokenizer,
       std::unique_ptr<Tokenizer> context_tokenizer);

  PipelineState state;
  RecordPlan items, users, contexts;
  DenseLayout layout;
  PopularityFeatures popularity;
  ReaderPool item_readers, user_readers, context_readers;
  /// Of a request without context.
  ContextFeatures no_context;
};

}  // namespace attune::features
