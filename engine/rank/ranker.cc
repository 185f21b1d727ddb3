#include "engine/rank/ranker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "attention/modules/row_ops.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/rank/inline_items.h"

namespace attune {
namespace {

/// How far a golden score may lie from the trainer's: other instruction sets
/// sum in another order, and bf16 rounds every product's operands.
constexpr float kGoldenBoundF32 = 2e-3f;
constexpr float kGoldenBoundBf16 = 0.25f;

/// Candidates lie all over a large cache: a later one's memory, which is one
/// run, is fetched while one is read.
void Prefetch(std::span<const std::shared_ptr<const ModelItem>> items,
              int64_t i, size_t bytes) {
  constexpr size_t kLineBytes = 64;
  constexpr size_t kAhead = 4;
  const size_t at = static_cast<size_t>(i) + kAhead;
  if (at >= items.size()) return;
  const char* memory = reinterpret_cast<const char*>(items[at].get());
  for (size_t offset = 0; offset < bytes; offset += kLineBytes) {
    __builtin_prefetch(memory + offset);
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Ranker>> Ranker::Create(
    std::shared_ptr<const Model> model) {
  ATTUNE_ASSIGN_OR_RETURN(ValueFormula formula,
                          ValueFormula::Compile(model->config().value_formula,
                                                model->config().tasks));
  return std::unique_ptr<Ranker>(
      new Ranker(std::move(model), std::move(formula)));
}

absl::Status Ranker::UpdateProfile(ExecutionContext& context,
                                   const Request& request,
                                   ItemResolver& resolver,
                                   const KeptState& kept) const {
  const v1::History& history = *request.history;
  if (kept.profile_count == history.count() &&
      kept.profile_epoch == history.epoch() &&
      kept.events.size() == static_cast<size_t>(history.events_size())) {
    // Not for the first request after an event, which is the only one of many
    // users and would pay for it alone.
    kept.profile.Finish();
    return absl::OkStatus();
  }
  const features::Pipeline& pipeline = model_->pipeline();
  const int64_t stored = history.events_size();
  const int64_t newest = std::min<int64_t>(stored, pipeline.profile_events());
  std::span<std::string_view> ids =
      context.workspace.Allocate<std::string_view>(newest);
  for (int64_t i = 0; i < newest; ++i) {
    ids[i] = history.events(static_cast<int>(stored - newest + i)).item_id();
  }
  std::vector<std::shared_ptr<const ModelItem>> items(newest);
  context.stages.Lap(Stage::kAssemble);
  ATTUNE_RETURN_IF_ERROR(resolver.Resolve(context, ids, items));
  context.stages.Lap(Stage::kRead);
  kept.profile.Clear();
  for (int64_t i = 0; i < newest; ++i) {
    pipeline.AddToProfile(items[i]->features,
                          history.events(static_cast<int>(stored - newest + i)),
                          &kept.profile);
  }
  kept.neighbours.Clear();
  for (int64_t age = 0;
       age < std::min<int64_t>(newest, NeighbourProfile::kEvents); ++age) {
    kept.neighbours.AddEvent(model_->neighbours(),
                             items[newest - 1 - age]->id_row,
                             static_cast<int>(age));
  }
  kept.profile.set_history_count(history.count());
  UpdateEvents(history, kept);
  kept.profile_count = history.count();
  kept.profile_epoch = history.epoch();
  return absl::OkStatus();
}

void Ranker::UpdateEvents(const v1::History& history,
                          const KeptState& kept) const {
  // With the same epoch, events were but added at the end, and some left at the
  // front (storage::Database::GetHistory).
  const int64_t stored = history.events_size();
  const int64_t known = static_cast<int64_t>(kept.events.size());
  // A request's own history may count anything: no difference may overflow.
  const bool counted = kept.profile_count >= 0 &&
                       kept.profile_epoch == history.epoch() &&
                       history.count() >= kept.profile_count;
  const int64_t added = counted ? history.count() - kept.profile_count : 0;
  const int64_t left = added <= stored ? known + added - stored : -1;
  if (counted && left >= 0) {
    kept.events.erase(kept.events.begin(), kept.events.begin() + left);
  } else {
    kept.events.clear();
  }
  for (int64_t i = static_cast<int64_t>(kept.events.size()); i < stored; ++i) {
    const v1::HistoryEvent& event = history.events(static_cast<int>(i));
    kept.events.push_back({model_->ActionIndex(event.action()),
                           event.has_time(), event.sort_key()});
  }
}

Ranker::Window Ranker::WindowOf(const v1::History& history,
                                const KeptState& kept,
                                std::optional<int64_t> anchor) const {
  const int64_t stored = history.events_size();
  const int64_t count = std::max<int64_t>(history.count(), stored);
  Window window;
  window.anchor = anchor.value_or(model_->config().Anchor(count));
  // Events before the kept ones are gone; a model whose window is wider than
  // what the database keeps sees what there is.
  window.begin = std::max<int64_t>(0, window.anchor - (count - stored));
  window.length = stored - window.begin;
  const UserState& state = kept.state;
  const bool holds =
      state.anchor() == window.anchor && state.epoch() == history.epoch() &&
      state.final_rows() <= std::max<int64_t>(window.length - 1, 0);
  window.reused = holds ? state.final_rows() : 0;
  return window;
}

int64_t Ranker::RowsToEncode(const v1::History& history,
                             const KeptState& kept) const {
  const Window window = WindowOf(history, kept, std::nullopt);
  return std::max<int64_t>(window.length, 1) - window.reused;
}

absl::Status Ranker::Begin(ExecutionContext& context, const Request& request,
                           ItemResolver& resolver, const KeptState& kept,
                           Session& session) const {
  const ModelConfig& config = model_->config();
  const v1::History& history = *request.history;
  Workspace& workspace = context.workspace;
  const Window window = WindowOf(history, kept, request.anchor);
  const int64_t anchor = window.anchor;
  const int64_t begin = window.begin;
  const int64_t length = window.length;
  const int64_t reused = window.reused;
  UserState& state = kept.state;
  if (reused > 0) state.PrefetchEncoder();
  if (state.final_rows() != reused || state.anchor() != anchor ||
      state.epoch() != history.epoch()) {
    state.Reset(anchor, history.epoch());
  }

  const int64_t fresh = length - reused;
  MatrixView new_x = workspace.Matrix(fresh, config.width);
  if (fresh > 0) {
    std::span<std::string_view> ids =
        workspace.Allocate<std::string_view>(fresh);
    for (int64_t i = 0; i < fresh; ++i) {
      ids[i] = history.events(static_cast<int>(begin + reused + i)).item_id();
    }
    absl::InlinedVector<std::shared_ptr<const ModelItem>, 4> items(fresh);
    context.stages.Lap(Stage::kAssemble);
    ATTUNE_RETURN_IF_ERROR(
        resolver.Resolve(context, ids, {items.data(), items.size()}));
    context.stages.Lap(Stage::kRead);
    for (int64_t i = 0; i < fresh; ++i) {
      std::memcpy(new_x.row(i), items[i]->x.data(),
                  sizeof(float) * config.width);
    }
  }
  ATTUNE_RETURN_IF_ERROR(UpdateProfile(context, request, resolver, kept));
  const std::span<const WindowEvent> events =
      std::span<const WindowEvent>(kept.events).subspan(begin, length);

  const v1::User no_record;
  const v1::User& record = request.user != nullptr ? *request.user : no_record;
  const bool is_kept = kept.record.has_value() ? request.user == &*kept.record
                                               : request.user == nullptr;
  features::UserFeatures given;
  if (!is_kept) {
    given = model_->pipeline().EncodeUser(record);
  } else if (!kept.user_features.has_value()) {
    kept.user_features = model_->pipeline().EncodeUser(record);
  }
  const features::UserFeatures& user_features =
      is_kept ? *kept.user_features : given;
  session.has_time = config.use_time;
  model_->pipeline().PrepareRequest(user_features, kept.profile, request.now_ms,
                                    session.has_time, &kept.request_features,
                                    request.context);
  session.request_features = &kept.request_features;
  std::span<float> clock = workspace.Allocate<float>(kClockFeatures);
  features::Pipeline::ClockFeatures(request.now_ms, session.has_time, clock);
  RequestContext request_context;
  request_context.now_ms = request.now_ms;
  request_context.has_time = session.has_time;
  request_context.clock = clock;
  request_context.user_tokens = user_features.tokens;
  if (request.context != nullptr) {
    request_context.context_tokens = request.context->tokens;
    if (!request.context->text_tokens.empty()) {
      const std::span<float> text = workspace.Allocate<float>(config.width);
      ATTUNE_RETURN_IF_ERROR(model_->scorer().EncodeText(
          context, request.context->text_tokens, text));
      request_context.context_text = text;
    }
  }
  session.user = workspace.Allocate<float>(config.width);
  context.stages.Lap(Stage::kAssemble);
  absl::StatusOr<Scorer::Encoded> encoded = model_->scorer().Encode(
      context, state, events, new_x, request_context, session.user);
  context.stages.Lap(Stage::kEncode);
  if (!encoded.ok()) {
    // Rows may be half written: nothing of them is kept.
    state.Reset(anchor, history.epoch());
    return encoded.status();
  }
  session.encoded = *encoded;
  session.kept = &kept;
  session.window_events = length;
  session.window_begin = begin;
  session.reused_rows = reused;
  return absl::OkStatus();
}

Ranker::Scores Ranker::Match(
    ExecutionContext& context, const Session& session,
    std::span<const std::shared_ptr<const ModelItem>> items,
    const ValueFormula* formula) const {
  Scores scores = Begun(context, session, items);
  model_->scorer().AddContextMatch(session.encoded, scores.x,
                                   model_->config().fusion_mode, scores.fusion);
  Finish(items, formula, scores);
  context.stages.Lap(Stage::kFuse);
  return scores;
}

Ranker::Scores Ranker::Begun(
    ExecutionContext& context, const Session& session,
    std::span<const std::shared_ptr<const ModelItem>> items) const {
  const ModelConfig& config = model_->config();
  Workspace& workspace = context.workspace;
  const int64_t count = static_cast<int64_t>(items.size());
  const int64_t tasks = static_cast<int64_t>(config.tasks.size());
  Scores scores;
  scores.x = workspace.Matrix(count, config.width);
  scores.q = workspace.Matrix(count, config.width);
  scores.match = workspace.Allocate<float>(count);
  scores.fusion = workspace.ZeroMatrix(count, tasks);
  scores.logits = workspace.Matrix(tasks, count);
  scores.score = workspace.Allocate<double>(count);
  const size_t item_bytes =
      sizeof(ModelItem) + 2 * sizeof(float) * config.width + 128;
  for (int64_t i = 0; i < count; ++i) {
    Prefetch(items, i, item_bytes);
    std::memcpy(scores.x.row(i), items[i]->x.data(),
                sizeof(float) * config.width);
    std::memcpy(scores.q.row(i), items[i]->q.data(),
                sizeof(float) * config.width);
  }
  context.stages.Lap(Stage::kAssemble);
  model_->scorer().Match(session.user, scores.x, scores.match);
  // Nothing is known of an item without a record: as far off as a cosine goes.
  for (int64_t i = 0; i < count; ++i) {
    if (!items[i]->known) scores.match[i] = -1.0f / config.temperature;
  }
  return scores;
}

void Ranker::Finish(std::span<const std::shared_ptr<const ModelItem>> items,
                    const ValueFormula* formula, Scores& scores) const {
  model_->scorer().Logits(scores.match, scores.fusion, scores.logits);
  // Nor may an unknown item look likely under another task, whose logit rests
  // on the task's base rate.
  for (size_t i = 0; i < items.size(); ++i) {
    if (items[i]->known) continue;
    for (int64_t t = 1; t < scores.logits.rows(); ++t) {
      scores.logits(t, i) = scores.match[i];
    }
  }
  (formula != nullptr ? *formula : formula_)
      .Evaluate(scores.logits, scores.score);
}

absl::StatusOr<Ranker::Scores> Ranker::Score(
    ExecutionContext& context, const Session& session,
    std::span<const std::shared_ptr<const ModelItem>> items,
    std::span<const features::ItemCounters> counters,
    const ValueFormula* formula) const {
  const ModelConfig& config = model_->config();
  const int64_t count = static_cast<int64_t>(items.size());
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  Scores scores = Begun(context, session, items);
  if (config.fusion_mode == FusionMode::kNone) {
    Finish(items, formula, scores);
    context.stages.Lap(Stage::kFuse);
    return scores;
  }
  context.stages.Lap(Stage::kFuse);
  MatrixView dense = context.workspace.Matrix(count, config.dense_width);
  // For a few candidates, fetching all of it costs more than it saves.
  constexpr int64_t kMany = 64;
  if (count >= kMany) session.kept->profile.Prefetch();
  std::span<const features::ItemView*> views =
      context.workspace.Allocate<const features::ItemView*>(count);
  for (int64_t i = 0; i < count; ++i) {
    views[i] = &items[i]->features;
    session.kept->neighbours.Features(
        items[i]->id_row, dense.row_span(i).last(NeighbourProfile::kWidth));
  }
  model_->pipeline().CandidateFeatures(views, counters, session.kept->profile,
                                       *session.request_features,
                                       context.workspace, dense);
  session.kept->state.PrefetchDecoder();
  context.stages.Lap(Stage::kAssemble);
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  ATTUNE_RETURN_IF_ERROR(model_->scorer().Fuse(
      context, session.kept->state, session.encoded, session.user,
      {scores.x, scores.q, dense}, config.fusion_mode, scores.fusion));
  Finish(items, formula, scores);
  context.stages.Lap(Stage::kFuse);
  return scores;
}

absl::StatusOr<std::vector<float>> Ranker::ScoreInline(
    const v1::RankRequest& request) const {
  ExecutionContext context;
  std::vector<float> result;
  absl::Status status;
  RunSerial([&] {
    status = [&]() -> absl::Status {
      ATTUNE_ASSIGN_OR_RETURN(auto items,
                              InlineItems::Create(*model_, context, request));
      KeptState kept(model_->config());
      kept.state.Reset(-1, -1);
      Session session;
      Request inner;
      inner.history = &request.inline_history();
      inner.user = &request.inline_user();
      inner.now_ms = request.now_ms();
      features::ContextFeatures given;
      if (request.context_size() > 0) {
        model_->pipeline().EncodeContext(request.context(), &given);
        inner.context = &given;
      }
      ATTUNE_RETURN_IF_ERROR(Begin(context, inner, *items, kept, session));
      std::vector<std::string_view> ids;
      for (const v1::Item& item : request.candidates()) {
        ids.push_back(item.item_id());
      }
      std::vector<std::shared_ptr<const ModelItem>> candidates(ids.size());
      ATTUNE_RETURN_IF_ERROR(items->Resolve(context, ids, candidates));
      const std::vector<features::ItemCounters> no_counters(ids.size());
      ATTUNE_ASSIGN_OR_RETURN(Scores scores, Score(context, session, candidates,
                                                   no_counters, nullptr));
      result.assign(scores.score.begin(), scores.score.end());
      return absl::OkStatus();
    }();
  });
  if (!status.ok()) return status;
  return result;
}

absl::Status Ranker::CheckGolden() const {
  if (model_->golden().empty()) return absl::OkStatus();
  v1::Golden golden;
  if (!golden.ParseFromString(model_->golden())) {
    return absl::DataLossError("golden.pb: not a golden message");
  }
  const float bound =
      model_->config().precision == "bf16" ? kGoldenBoundBf16 : kGoldenBoundF32;
  for (int c = 0; c < golden.cases_size(); ++c) {
    const v1::GoldenCase& golden_case = golden.cases(c);
    ATTUNE_ASSIGN_OR_RETURN(std::vector<float> scores,
                            ScoreInline(golden_case.request()));
    if (golden_case.scores_size() != static_cast<int>(scores.size())) {
      return absl::DataLossError(
          StrCat("golden.pb: case ", c, " has ", golden_case.scores_size(),
                 " scores for ", scores.size(), " candidates"));
    }
    for (size_t i = 0; i < scores.size(); ++i) {
      const float want = golden_case.scores(static_cast<int>(i));
      if (!(std::abs(scores[i] - want) <= bound)) {
        return absl::FailedPreconditionError(StrCat(
            "model ", model_->version(), " does not reproduce its golden ",
            "request ", c, ": candidate \"",
            golden_case.request().candidates(static_cast<int>(i)).item_id(),
            "\" scores ", scores[i], ", the trainer had ", want, " (bound ",
            bound, "): the model is refused"));
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
