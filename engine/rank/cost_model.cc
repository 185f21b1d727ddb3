#include "engine/rank/cost_model.h"

#include <algorithm>
#include <limits>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/rank/inline_items.h"

namespace attune {
namespace {

/// Below so many, the parts that do not grow with them dominate.
constexpr int64_t kEnoughRows = 16;
constexpr int64_t kEnoughCandidates = 32;
constexpr double kWeight = 0.125;
/// A request that lost its processor may take a hundred times as long: one
/// measurement moves a mean by at most kWeight * 4 of it.
constexpr double kMostTimes = 5;
/// Reading a stored candidate, until it is measured.
constexpr double kReadGuessNs = 500;

void Update(std::atomic<double>& mean, double ns) {
  const double old = mean.load(std::memory_order_relaxed);
  if (old <= 0) {
    mean.store(ns, std::memory_order_relaxed);
    return;
  }
  mean.store(old + kWeight * (std::min(ns, kMostTimes * old) - old),
             std::memory_order_relaxed);
}

class NoItems final : public ItemResolver {
 public:
  explicit NoItems(const Model& model) : model_(model) {}
  absl::Status Resolve(
      ExecutionContext&, std::span<const std::string_view> item_ids,
      std::span<std::shared_ptr<const ModelItem>> items) override {
    for (size_t i = 0; i < item_ids.size(); ++i) {
      items[i] = MakeUnknownItem(model_, item_ids[i]);
    }
    return absl::OkStatus();
  }

 private:
  const Model& model_;
};

struct Measured {
  int64_t begin_ns = std::numeric_limits<int64_t>::max();
  int64_t score_ns = std::numeric_limits<int64_t>::max();
};

/// The faster of two requests, so that what is made once does not count.
absl::StatusOr<Measured> Measure(const Ranker& ranker, int64_t events,
                                 int64_t candidates) {
  v1::History history;
  for (int64_t i = 0; i < events; ++i) {
    history.add_events()->set_item_id(StrCat("event ", i));
  }
  history.set_count(events);
  NoItems resolver(ranker.model());
  const std::vector<std::shared_ptr<const ModelItem>> items(
      candidates, MakeUnknownItem(ranker.model(), "candidate"));
  const std::vector<features::ItemCounters> counters(candidates);
  ExecutionContext context;
  Measured measured;
  for (int round = 0; round < 2; ++round) {
    context.workspace.Reset();
    KeptState kept(ranker.model().config());
    kept.state.Reset(-1, -1);
    Ranker::Request request;
    request.history = &history;
    request.now_ms = 1;
    Ranker::Session session;
    const int64_t start = MonotonicNs();
    ATTUNE_RETURN_IF_ERROR(
        ranker.Begin(context, request, resolver, kept, session));
    const int64_t begun = MonotonicNs();
    ATTUNE_RETURN_IF_ERROR(
        ranker.Score(context, session, items, counters, nullptr).status());
    measured.begin_ns = std::min(measured.begin_ns, begun - start);
    measured.score_ns = std::min(measured.score_ns, MonotonicNs() - begun);
  }
  return measured;
}

}  // namespace

CostModel::CostModel(const RequestCosts& start)
    : fixed_(start.fixed),
      encoded_row_(start.encoded_row),
      read_candidate_(start.read_candidate),
      fused_candidate_(start.fused_candidate),
      retrieval_(start.retrieval) {}

void CostModel::NoteUser(int64_t rows, int64_t ns) {
  const double time = static_cast<double>(ns);
  if (rows <= 1) {
    Update(fixed_, time);
  } else if (rows >= kEnoughRows) {
    const double encoding = time - fixed_.load(std::memory_order_relaxed);
    Update(encoded_row_,
           std::max(encoding, 1.0) / static_cast<double>(rows - 1));
  }
}

void CostModel::NoteRead(int64_t candidates, int64_t ns) {
  if (candidates < kEnoughCandidates) return;
  Update(read_candidate_,
         static_cast<double>(ns) / static_cast<double>(candidates));
}

void CostModel::NoteFusion(int64_t candidates, int64_t ns) {
  if (candidates < kEnoughCandidates) return;
  Update(fused_candidate_,
         static_cast<double>(ns) / static_cast<double>(candidates));
}

void CostModel::NoteRetrieval(int64_t ns) {
  Update(retrieval_, static_cast<double>(ns));
}

RequestCosts CostModel::costs() const {
  RequestCosts costs;
  costs.fixed = fixed_.load(std::memory_order_relaxed);
  costs.encoded_row = encoded_row_.load(std::memory_order_relaxed);
  costs.read_candidate = read_candidate_.load(std::memory_order_relaxed);
  costs.fused_candidate = fused_candidate_.load(std::memory_order_relaxed);
  costs.retrieval = retrieval_.load(std::memory_order_relaxed);
  return costs;
}

absl::StatusOr<RequestCosts> MeasureCosts(const Ranker& ranker) {
  constexpr int64_t kCandidates = 256;
  const int64_t window = ranker.model().config().window;
  RequestCosts costs;
  costs.read_candidate = kReadGuessNs;
  absl::Status status;
  RunSerial([&] {
    status = [&]() -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(const Measured nobody, Measure(ranker, 0, 1));
      ATTUNE_ASSIGN_OR_RETURN(const Measured somebody,
                              Measure(ranker, window, kCandidates));
      costs.fixed = static_cast<double>(nobody.begin_ns);
      costs.encoded_row = static_cast<double>(std::max<int64_t>(
                              somebody.begin_ns - nobody.begin_ns, 0)) /
                          static_cast<double>(window);
      costs.fused_candidate =
          static_cast<double>(somebody.score_ns) / kCandidates;
      return absl::OkStatus();
    }();
  });
  if (!status.ok()) return status;
  return costs;
}

}  // namespace attune
