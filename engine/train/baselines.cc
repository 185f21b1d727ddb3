#include "engine/train/baselines.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/train/item_knn.h"
#include "engine/train/item_lists.h"
#include "engine/train/neighbour_table.h"

namespace attune {
namespace {

// Cases per parallel task: enough to share the scratch memory.
constexpr int64_t kChunk = 16;

// Fills scores for a profile; scratch is the task's own.
using ScoreFunction = absl::FunctionRef<void(
    std::span<const int32_t>, std::span<float>, std::vector<float>*)>;

// ranks[w][c] is case c under weighting w; scores come [weightings * items].
absl::StatusOr<std::vector<std::vector<TargetRanks>>> RankCases(
    const Split& split, std::span<const EvalCase> cases, int weightings,
    const ExecutionContext& context, ThreadPool& pool, ScoreFunction score) {
  const int64_t count = static_cast<int64_t>(cases.size());
  const int64_t items = split.item_count();
  std::vector<std::vector<TargetRanks>> ranks(
      weightings, std::vector<TargetRanks>(cases.size()));
  pool.ParallelFor((count + kChunk - 1) / kChunk, [&](int64_t chunk) {
    if (!context.CheckProgress().ok()) return;
    std::vector<int32_t> seen;
    std::vector<float> scratch, scores(weightings * items);
    const int64_t end = std::min(count, (chunk + 1) * kChunk);
    for (int64_t c = chunk * kChunk; c < end; ++c) {
      split.SeenItems(cases[c], &seen);
      score(seen, scores, &scratch);
      for (int w = 0; w < weightings; ++w) {
        ranks[w][c] =
            RankTarget(std::span<const float>(scores).subspan(w * items, items),
                       cases[c].target, split.candidates(), seen);
      }
    }
  });
  ATTUNE_RETURN_IF_ERROR(context.CheckProgress());
  return ranks;
}

std::vector<EvalCase> EvenlySpaced(std::span<const EvalCase> cases,
                                   int64_t limit) {
  const int64_t count = static_cast<int64_t>(cases.size());
  if (limit <= 0 || count <= limit) return {cases.begin(), cases.end()};
  std::vector<EvalCase> sample;
  for (int64_t i = 0; i < limit; ++i)
    sample.push_back(cases[i * count / limit]);
  return sample;
}

std::vector<float> HalfLives(const Split& split,
                             const BaselineOptions& options) {
  if (!options.half_lives.empty()) return options.half_lives;
  // A basket is many positions: slower decay belongs in the grid.
  if (split.options().protocol == Protocol::kLastBasket) {
    return {1, 3, 10, 30, 100};
  }
  return {1, 3, 10, 30};
}

class BaselineEvaluation {
 public:
  BaselineEvaluation(const Split& split, const BaselineOptions& options,
                     const ExecutionContext& context, ThreadPool& pool)
      : split_(split),
        options_(options),
        half_lives_(HalfLives(split, options)),
        context_(context),
        pool_(pool),
        selection_(
            EvenlySpaced(split.validation(), options.max_selection_cases)) {}

  absl::StatusOr<std::vector<BaselineResult>> Run() {
    const ItemLists training = split_.TrainingItems();
    std::vector<BaselineResult> results(3);
    ATTUNE_ASSIGN_OR_RETURN(results[0], Popularity(training));
    const ItemSimilarities similarities(training, split_.item_count(),
                                        options_.max_pairs, pool_);
    results[1].name = "item-kNN";
    results[2].name = "item-kNN, recent";
    ATTUNE_RETURN_IF_ERROR(Choose(similarities, &results[1], &results[2]));
    for (BaselineResult* result : {&results[1], &results[2]}) {
      const NeighbourTable table = similarities.Neighbourhoods(
          result->setting.neighbours, result->setting.shrink, pool_);
      ATTUNE_RETURN_IF_ERROR(Test(table, result));
    }
    if (options_.texts != nullptr) {
      BaselineResult plain, recent;
      plain.name = "text cosine";
      recent.name = "text cosine, recent";
      plain.validation_ndcg = recent.validation_ndcg = -1;
      ATTUNE_RETURN_IF_ERROR(
          Choose(*options_.texts, KnnSetting(), &plain, &recent));
      for (BaselineResult* result : {&plain, &recent}) {
        ATTUNE_RETURN_IF_ERROR(Test(*options_.texts, result));
        results.push_back(std::move(*result));
      }
    }
    return results;
  }

 private:
  absl::StatusOr<BaselineResult> Popularity(const ItemLists& training) {
    std::vector<float> users(split_.item_count());
    for (int32_t item : training.items) ++users[item];
    const auto score = [&](std::span<const int32_t>, std::span<float> scores,
                           std::vector<float>*) {
      std::copy(users.begin(), users.end(), scores.begin());
    };
    BaselineResult result;
    result.name = "popularity";
    ATTUNE_ASSIGN_OR_RETURN(
        const auto validation,
        RankCases(split_, selection_, 1, context_, pool_, score));
    result.validation_ndcg = UnseenNdcg(validation[0], options_.selection_k);
    ATTUNE_ASSIGN_OR_RETURN(
        auto test, RankCases(split_, split_.test(), 1, context_, pool_, score));
    result.ranks = std::move(test[0]);
    return result;
  }

  absl::Status Choose(const ItemSimilarities& similarities,
                      BaselineResult* plain, BaselineResult* recent) {
    plain->validation_ndcg = recent->validation_ndcg = -1;
    for (const int neighbours : options_.neighbours) {
      for (const float shrink : options_.shrinks) {
        ATTUNE_RETURN_IF_ERROR(
            Choose(similarities.Neighbourhoods(neighbours, shrink, pool_),
                   {neighbours, shrink}, plain, recent));
      }
    }
    return absl::OkStatus();
  }

  // Keeps `setting`, of which the table is, where it is better than before;
  // `plain` without decay, `recent` with the best half-life.
  absl::Status Choose(const NeighbourTable& table, const KnnSetting& setting,
                      BaselineResult* plain, BaselineResult* recent) {
    std::vector<float> half_lives = {0};  // no decay
    half_lives.insert(half_lives.end(), half_lives_.begin(), half_lives_.end());
    ATTUNE_ASSIGN_OR_RETURN(const auto ranks,
                            Rank(table, half_lives, selection_));
    for (size_t w = 0; w < half_lives.size(); ++w) {
      BaselineResult* result = w == 0 ? plain : recent;
      const double ndcg = UnseenNdcg(ranks[w], options_.selection_k);
      if (ndcg <= result->validation_ndcg) continue;
      result->validation_ndcg = ndcg;
      result->setting = setting;
      result->setting.half_life = half_lives[w];
    }
    return absl::OkStatus();
  }

  absl::Status Test(const NeighbourTable& table, BaselineResult* result) {
    ATTUNE_ASSIGN_OR_RETURN(
        auto ranks,
        Rank(table, std::span(&result->setting.half_life, 1), split_.test()));
    result->ranks = std::move(ranks[0]);
    return absl::OkStatus();
  }

  absl::StatusOr<std::vector<std::vector<TargetRanks>>> Rank(
      const NeighbourTable& table, std::span<const float> half_lives,
      std::span<const EvalCase> cases) {
    const ProfileScorer scorer(table, half_lives);
    return RankCases(split_, cases, scorer.weightings(), context_, pool_,
                     [&](std::span<const int32_t> profile,
                         std::span<float> scores, std::vector<float>* scratch) {
                       scorer.Score(profile, scores, scratch);
                     });
  }

  const Split& split_;
  const BaselineOptions& options_;
  const std::vector<float> half_lives_;
  const ExecutionContext& context_;
  ThreadPool& pool_;
  const std::vector<EvalCase> selection_;
};

}  // namespace

std::string KnnSettingText(const KnnSetting& setting) {
  std::string text =
      StrCat("k=", setting.neighbours > 0 ? StrCat(setting.neighbours) : "all",
             ", shrink=", setting.shrink);
  if (setting.half_life > 0) {
    text += StrCat(", half-life=", setting.half_life);
  }
  return text;
}

absl::StatusOr<std::vector<BaselineResult>> EvaluateBaselines(
    const Split& split, const BaselineOptions& options,
    const ExecutionContext& context, ThreadPool& pool) {
  constexpr size_t kMostHalfLives = ProfileScorer::kMaxWeightings - 1;
  if (options.neighbours.empty() || options.shrinks.empty() ||
      options.half_lives.size() > kMostHalfLives) {
    return absl::InvalidArgumentError(StrCat(
        "baseline grid of ", options.neighbours.size(), " neighbour counts, ",
        options.shrinks.size(), " shrinks and ", options.half_lives.size(),
        " half-lives: the first two need at least 1, half-lives at most ",
        kMostHalfLives));
  }
  return BaselineEvaluation(split, options, context, pool).Run();
}

}  // namespace attune
