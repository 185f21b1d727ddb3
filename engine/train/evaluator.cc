#include "engine/train/evaluator.h"

#include <algorithm>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "attention/modules/row_ops.h"
#include "base/status_macros.h"

namespace attune {

struct Evaluator::Worker {
  explicit Worker(const ModelConfig& config) : state(config) {}
  ExecutionContext context;
  UserState state;
  ExampleFeatures::Scratch scratch;
  std::vector<WindowEvent> events;
  std::vector<int32_t> rows, seen, order;
  std::vector<float> match, scores;
  std::vector<TargetRanks> ranks;
};

Evaluator::Evaluator(const Scorer& scorer, const Split& split,
                     const ExampleFeatures& features,
                     std::span<const int32_t> actions, ThreadPool& pool)
    : scorer_(scorer),
      split_(split),
      features_(features),
      actions_(actions),
      pool_(pool) {}

template <typename Run>
absl::Status Evaluator::ForEachCase(size_t count, const Run& run) const {
  // Fixed slices, so that the work of a case never depends on the threads.
  const int64_t slices = std::min<int64_t>(
      static_cast<int64_t>(count), static_cast<int64_t>(pool_.threads()) * 4);
  std::vector<absl::Status> statuses(slices);
  pool_.ParallelFor(slices, [&](int64_t slice) {
    Worker worker(scorer_.config());
    for (size_t i = count * slice / slices; i < count * (slice + 1) / slices;
         ++i) {
      statuses[slice] =
          cancelled_.IsSet() ? absl::CancelledError("stopped") : run(worker, i);
      if (!statuses[slice].ok()) return;
    }
  });
  for (const absl::Status& status : statuses) {
    ATTUNE_RETURN_IF_ERROR(status);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::vector<TargetRanks>>> Evaluator::Rank(
    std::span<const EvalCase> cases, std::span<const FusionChoice> choices,
    const Options& options) const {
  std::vector<std::vector<TargetRanks>> result(
      choices.size(), std::vector<TargetRanks>(cases.size()));
  ATTUNE_RETURN_IF_ERROR(
      ForEachCase(cases.size(), [&](Worker& worker, size_t i) -> absl::Status {
        worker.context.workspace.Reset();
        worker.ranks.resize(choices.size());
        ATTUNE_RETURN_IF_ERROR(
            RankOne(worker, cases[i], choices, options, worker.ranks));
        for (size_t c = 0; c < choices.size(); ++c) {
          result[c][i] = worker.ranks[c];
        }
        return absl::OkStatus();
      }));
  return result;
}

absl::StatusOr<Scorer::Encoded> Evaluator::Encode(
    Worker& worker, const ExampleFeatures::Request& request,
    std::span<float> user_vector) const {
  const ModelConfig& config = scorer_.config();
  const std::span<const Interaction> prefix = request.prefix;
  const int64_t anchor = config.Anchor(static_cast<int64_t>(prefix.size()));
  if (worker.state.anchor() != anchor) worker.state.Reset(anchor, 0);
  worker.events.clear();
  worker.rows.clear();
  int64_t row = 0;
  for (const Interaction& event : prefix.subspan(anchor)) {
    worker.events.push_back(
        {actions_[event.action], event.has_time, event.time_ms});
    if (row++ >= worker.state.final_rows()) worker.rows.push_back(event.item);
  }
  MatrixView new_x = worker.context.workspace.ZeroMatrix(
      static_cast<int64_t>(worker.rows.size()), config.width);
  GatherAdd(x_, worker.rows, new_x);

  std::span<float> clock =
      worker.context.workspace.Allocate<float>(kClockFeatures);
  features::Pipeline::ClockFeatures(request.now_ms, request.has_time, clock);
  RequestContext moment;
  moment.now_ms = request.now_ms;
  moment.has_time = request.has_time;
  moment.clock = clock;
  moment.user_tokens = request.record->tokens;
  if (request.context != nullptr) {
    moment.context_tokens = request.context->tokens;
    if (!request.context->text_tokens.empty()) {
      const std::span<float> text =
          worker.context.workspace.Allocate<float>(config.width);
      ATTUNE_RETURN_IF_ERROR(scorer_.EncodeText(
          worker.context, request.context->text_tokens, text));
      moment.context_text = text;
    }
  }
  return scorer_.Encode(worker.context, worker.state, worker.events, new_x,
                        moment, user_vector);
}

absl::Status Evaluator::RankOne(Worker& worker, const EvalCase& c,
                                std::span<const FusionChoice> choices,
                                const Options& options,
                                std::span<TargetRanks> ranks) const {
  const ModelConfig& config = scorer_.config();
  Workspace& workspace = worker.context.workspace;
  std::span<const Interaction> prefix = split_.prefix(c);
  std::span<float> user = workspace.Allocate<float>(config.width);
  worker.state.Reset(-1, 0);  // of another user
  const ExampleFeatures::Request request = {
      .user = c.user,
      .record = &features_.user(c.user),
      .context = features_.context(options.with_context ? c.context : -1),
      .prefix = prefix,
      .now_ms = c.time_ms,
      .has_time = c.has_time && config.use_time};
  ATTUNE_ASSIGN_OR_RETURN(const Scorer::Encoded encoded,
                          Encode(worker, request, user));

  worker.match.resize(x_.rows());
  scorer_.Match(user, x_, worker.match);
  split_.SeenItems(c, &worker.seen);
  std::span<const int32_t> candidates = split_.candidates();

  bool fused = false;
  for (const FusionChoice& choice : choices) {
    fused |= choice.mode != FusionMode::kNone && choice.weight != 0;
  }
  MatrixView features_fusion, full_fusion;
  if (fused) {
    worker.order.clear();
    if (options.exclude_seen) {
      std::vector<int32_t> seen = worker.seen;
      std::sort(seen.begin(), seen.end());
      std::set_difference(candidates.begin(), candidates.end(), seen.begin(),
                          seen.end(), std::back_inserter(worker.order));
    } else {
      worker.order.assign(candidates.begin(), candidates.end());
    }
    const size_t keep = std::min<size_t>(options.rerank, worker.order.size());
    std::span<const float> by = worker.match;
    if (!encoded.context.empty()) {
      const std::span<float> wanted = workspace.Allocate<float>(config.width);
      scorer_.SearchVector(encoded, user, wanted);
      worker.scores.resize(x_.rows());
      scorer_.Match(wanted, x_, worker.scores);
      by = worker.scores;
    }
    std::nth_element(worker.order.begin(), worker.order.begin() + keep,
                     worker.order.end(), [&](int32_t a, int32_t b) {
                       return by[a] != by[b] ? by[a] > by[b] : a < b;
                     });
    worker.order.resize(keep);
    const int64_t n = static_cast<int64_t>(keep);
    MatrixView x = workspace.ZeroMatrix(n, config.width);
    MatrixView q = workspace.ZeroMatrix(n, config.width);
    GatherAdd(x_, worker.order, x);
    GatherAdd(q_, worker.order, q);
    MatrixView dense = workspace.Matrix(n, config.dense_width);
    features_.Begin(request, worker.scratch);
    for (int64_t i = 0; i < n; ++i) {
      features_.Candidate(worker.order[i], 0, worker.scratch,
                          dense.row_span(i));
    }
    const int64_t tasks = static_cast<int64_t>(config.tasks.size());
    const CandidateInput input{x, q, dense};
    for (FusionMode mode : {FusionMode::kFeatures, FusionMode::kFull}) {
      bool wanted = false;
      for (const FusionChoice& choice : choices) {
        wanted |= choice.mode == mode && choice.weight != 0;
      }
      if (!wanted) continue;
      MatrixView& out =
          mode == FusionMode::kFeatures ? features_fusion : full_fusion;
      out = workspace.Matrix(n, tasks);
      ATTUNE_RETURN_IF_ERROR(scorer_.Fuse(worker.context, worker.state, encoded,
                                          user, input, mode, out));
    }
  }

  // Items that are not re-ranked stand behind the others, in match order.
  constexpr float kBehind = 1e4f;
  for (size_t i = 0; i < choices.size(); ++i) {
    const FusionChoice& choice = choices[i];
    std::span<const float> scores = worker.match;
    if (choice.mode != FusionMode::kNone && choice.weight != 0) {
      worker.scores.resize(worker.match.size());
      for (size_t item = 0; item < worker.match.size(); ++item) {
        worker.scores[item] = worker.match[item] - kBehind;
      }
      const MatrixView& fusion =
          choice.mode == FusionMode::kFeatures ? features_fusion : full_fusion;
      for (size_t k = 0; k < worker.order.size(); ++k) {
        const int32_t item = worker.order[k];
        worker.scores[item] =
            worker.match[item] +
            choice.weight * fusion(static_cast<int64_t>(k), 0);
      }
      scores = worker.scores;
    }
    ranks[i] = RankTarget(scores, c.target, candidates, worker.seen);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::vector<TargetRanks>> Evaluator::TestRanks(
    const FusionChoice& choice, int rerank) const {
  std::vector<TargetRanks> result;
  for (const bool exclude_seen : {false, true}) {
    ATTUNE_ASSIGN_OR_RETURN(auto ranks,
                            Rank(split_.test(), {&choice, 1},
                                 {.rerank = rerank,
                                  .exclude_seen = exclude_seen,
                                  .with_context = choice.with_context}));
    if (!exclude_seen) {
      result = std::move(ranks[0]);
      continue;
    }
    for (size_t i = 0; i < result.size(); ++i) {
      result[i].unseen = ranks[0][i].unseen;
    }
  }
  return result;
}

absl::StatusOr<TaskScores> Evaluator::ScoreImpressions(
    const Dataset& dataset, std::span<const ImpressionCase> cases,
    std::span<const int32_t> tasks, FusionMode mode) const {
  TaskScores scores;
  for (const ImpressionCase& c : cases) {
    scores.groups.push_back(scores.groups.back() + c.end - c.begin);
  }
  for (size_t task = 0; task < tasks.size(); ++task) {
    scores.logits.emplace_back(scores.groups.back(), 0.0f);
  }
  ATTUNE_RETURN_IF_ERROR(
      ForEachCase(cases.size(), [&](Worker& worker, size_t i) {
        return ScoreCase(worker, dataset, cases[i], tasks, mode,
                         scores.groups[i], scores);
      }));
  return scores;
}

absl::Status Evaluator::ScoreCase(Worker& worker, const Dataset& dataset,
                                  const ImpressionCase& c,
                                  std::span<const int32_t> tasks,
                                  FusionMode mode, int64_t first_row,
                                  TaskScores& scores) const {
  const ModelConfig& config = scorer_.config();
  const int64_t model_tasks = static_cast<int64_t>(config.tasks.size());
  std::span<const Interaction> sequence = split_.sequence(c.user);
  worker.state.Reset(-1, 0);  // of another user
  for (int64_t i = c.begin; i < c.end; ++i) {
    worker.context.workspace.Reset();
    Workspace& workspace = worker.context.workspace;
    const Impression& shown = dataset.impressions(c.user)[i];
    const auto end =
        std::ranges::partition_point(sequence, [&](const Interaction& event) {
          return event.sort_key < shown.sort_key;
        });
    std::span<const Interaction> prefix(sequence.begin(), end);
    std::span<float> user = workspace.Allocate<float>(config.width);
    const ExampleFeatures::Request request = {
        .user = c.user,
        .record = &features_.user(c.user),
        .context = features_.context(shown.context),
        .prefix = prefix,
        .now_ms = shown.time_ms,
        .has_time = shown.has_time && config.use_time};
    ATTUNE_ASSIGN_OR_RETURN(const Scorer::Encoded encoded,
                            Encode(worker, request, user));
    MatrixView dense = workspace.Matrix(1, config.dense_width);
    features_.Begin(request, worker.scratch);
    features_.Candidate(shown.item, 0, worker.scratch, dense.row_span(0));
    const ConstMatrixView x = x_.rows_slice(shown.item, 1);
    float match = 0;
    scorer_.Match(user, x, {&match, 1});
    MatrixView fusion = workspace.Matrix(1, model_tasks);
    ATTUNE_RETURN_IF_ERROR(
        scorer_.Fuse(worker.context, worker.state, encoded, user,
                     {x, q_.rows_slice(shown.item, 1), dense}, mode, fusion));
    MatrixView logits = workspace.Matrix(model_tasks, 1);
    scorer_.Logits({&match, 1}, fusion, logits);
    for (size_t task = 0; task < tasks.size(); ++task) {
      if (tasks[task] < 0) continue;
      scores.logits[task][first_row + i - c.begin] = logits(tasks[task], 0);
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
