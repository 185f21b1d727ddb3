#include "engine/train/training_set.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/ingest/database_schema.h"
#include "engine/model/model.h"
#include "engine/train/load_dataset.h"
#include "features/action_policy.h"
#include "features/hash.h"
#include "features/pipeline_fitter.h"

namespace attune {
namespace {

std::optional<int64_t> TimeOf(const v1::Event& event) {
  if (event.has_time_ms()) return event.time_ms();
  return std::nullopt;
}

class SetLoader {
 public:
  SetLoader(storage::Database& database, const ExecutionContext& context)
      : database_(database), context_(context) {}

  absl::Status LoadRows(const SplitOptions& split_options) {
    set_ = std::make_unique<TrainingSet>();
    ATTUNE_ASSIGN_OR_RETURN(set_->schema, LoadSchema(database_));
    ATTUNE_ASSIGN_OR_RETURN(Dataset dataset,
                            LoadDataset(database_, set_->schema, {}, context_));
    set_->dataset = std::make_unique<Dataset>(std::move(dataset));
    set_->timed = set_->dataset->untimed_count() == 0;
    ATTUNE_ASSIGN_OR_RETURN(Split split,
                            Split::Create(*set_->dataset, split_options));
    set_->split = std::make_unique<Split>(std::move(split));
    return absl::OkStatus();
  }

  absl::Status FitPipeline(const TrainOptions& training) {
    features::PipelineOptions options;
    options.max_text_rows = training.text_rows;
    features::PipelineFitter fitter(set_->schema, options);
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachItem([&](const v1::Item& item) -> absl::Status {
          fitter.ObserveItem(item);
          return absl::OkStatus();
        }));
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachUser([&](const v1::User& user) -> absl::Status {
          fitter.ObserveUser(user);
          return absl::OkStatus();
        }));
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachEvent([&](const v1::Event& event) -> absl::Status {
          if (IsTraining(event)) fitter.ObserveEvent(event);
          return absl::OkStatus();
        }));
    ATTUNE_ASSIGN_OR_RETURN(features::Pipeline pipeline, fitter.Finish());
    set_->pipeline = std::make_unique<features::Pipeline>(std::move(pipeline));
    return absl::OkStatus();
  }

  absl::Status CopyPipeline(const Model& model) {
    ATTUNE_ASSIGN_OR_RETURN(
        features::Pipeline pipeline,
        features::Pipeline::FromJson(model.pipeline().ToJson()));
    set_->pipeline = std::make_unique<features::Pipeline>(std::move(pipeline));
    return absl::OkStatus();
  }

  /// `model` null: ids of items with training events get rows.
  absl::Status Encode(const Model* model) {
    const Dataset& dataset = *set_->dataset;
    std::vector<features::ItemFeatures> items(dataset.items().size());
    for (int32_t i = 0; i < dataset.items().size(); ++i) {
      items[i].item_key = features::ItemKey(dataset.items().name(i));
    }
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachItem([&](const v1::Item& item) -> absl::Status {
          std::optional<int32_t> index = dataset.items().Find(item.item_id());
          if (index.has_value())
            items[*index] = set_->pipeline->EncodeItem(item);
          return absl::OkStatus();
        }));
    std::vector<int32_t> id_rows(items.size(), -1);
    if (model != nullptr) {
      for (int32_t i = 0; i < dataset.items().size(); ++i) {
        id_rows[i] = model->IdRow(dataset.items().name(i));
      }
    } else {
      set_->sequences = set_->split->TrainingItems();
      for (int32_t item : set_->sequences.items) id_rows[item] = 0;
      for (size_t item = 0; item < id_rows.size(); ++item) {
        if (id_rows[item] < 0) continue;
        id_rows[item] = static_cast<int32_t>(set_->vocabulary.size());
        set_->vocabulary.push_back(static_cast<int32_t>(item));
      }
    }
    set_->catalogue =
        std::make_unique<Catalogue>(std::move(items), std::move(id_rows));
    set_->neighbours =
        model != nullptr ? std::make_unique<NeighbourIndex>(model->neighbours())
                         : std::make_unique<NeighbourIndex>();

    set_->users.resize(dataset.users().size(),
                       set_->pipeline->EncodeUser(v1::User()));
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachUser([&](const v1::User& user) -> absl::Status {
          std::optional<int32_t> index = dataset.users().Find(user.user_id());
          if (index.has_value()) {
            set_->users[*index] = set_->pipeline->EncodeUser(user);
          }
          return absl::OkStatus();
        }));

    v1::User context;
    for (const std::string& bytes : dataset.contexts()) {
      if (!context.ParseFromString(bytes)) {
        return absl::InternalError("a context that was not serialised here");
      }
      set_->pipeline->EncodeContext(context.features(),
                                    &set_->contexts.emplace_back());
    }

    set_->counters = std::make_unique<AsOfCounters>();
    ATTUNE_RETURN_IF_ERROR(
        database_.ForEachEvent([&](const v1::Event& event) -> absl::Status {
          // With clock times, "before now" keeps the future out; without, only
          // training events may count.
          if (!set_->timed && !IsTraining(event)) return absl::OkStatus();
          std::optional<int32_t> item = dataset.items().Find(event.item_id());
          if (!item.has_value() || set_->split->held_out(*item)) {
            return absl::OkStatus();
          }
          set_->counters->Add(*item, event.action(), TimeOf(event));
          for (const std::string& followed : event.followed()) {
            set_->counters->Add(*item, followed, TimeOf(event));
          }
          return absl::OkStatus();
        }));
    set_->counters->Build();
    set_->features = std::make_unique<ExampleFeatures>(
        *set_->pipeline, *set_->catalogue, *set_->counters, set_->users,
        dataset.actions(), *set_->neighbours);
    set_->features->SetContexts(set_->contexts);
    return absl::OkStatus();
  }

  /// Counts neighbours in the training sequences.
  absl::Status CountNeighbours(const TrainOptions& training, ThreadPool& pool) {
    CovisitationOptions options;
    options.neighbours = training.neighbours;
    options.transition_window = training.transition_window;
    options.transition_decay = training.transition_decay;
    ATTUNE_ASSIGN_OR_RETURN(
        Covisitation covisitation,
        Covisitation::Build(set_->sequences, set_->dataset->items().size(),
                            options, pool));
    set_->covisitation =
        std::make_unique<Covisitation>(std::move(covisitation));
    std::vector<std::vector<NeighbourIndex::Entry>> lists[2];
    for (int kind = 0; kind < 2; ++kind) {
      const NeighbourTable& table = kind == NeighbourIndex::kCooccurrence
                                        ? set_->covisitation->cooccurrences()
                                        : set_->covisitation->transitions();
      for (int32_t item : set_->vocabulary) {
        std::vector<NeighbourIndex::Entry>& list = lists[kind].emplace_back();
        for (const Neighbour& neighbour : table.row(item)) {
          list.push_back(
              {set_->catalogue->id_row(neighbour.item), neighbour.weight});
        }
      }
    }
    *set_->neighbours = NeighbourIndex(lists);
    set_->features->SetCovisitation(set_->covisitation.get(), &set_->sequences);
    return absl::OkStatus();
  }

  std::unique_ptr<TrainingSet> Take() { return std::move(set_); }

 private:
  bool IsTraining(const v1::Event& event) const {
    std::optional<int32_t> user = set_->dataset->users().Find(event.user_id());
    if (!user.has_value() || IsHeldOut(event)) return false;
    const int64_t key = event.has_time_ms() ? event.time_ms() : event.order();
    return key < set_->split->training_limit(*user);
  }

  bool IsHeldOut(const v1::Event& event) const {
    std::optional<int32_t> item = set_->dataset->items().Find(event.item_id());
    return item.has_value() && set_->split->held_out(*item);
  }

  storage::Database& database_;
  const ExecutionContext& context_;
  std::unique_ptr<TrainingSet> set_;
};

}  // namespace

TrainingData TrainingSet::DataFor(const ModelConfig& config) const {
  TrainingData data;
  data.dataset = dataset.get();
  data.split = split.get();
  data.catalogue = catalogue.get();
  data.features = features.get();
  for (const std::string& action : dataset->actions()) {
    auto it = std::find(config.actions.begin(), config.actions.end(), action);
    data.actions.push_back(
        it == config.actions.end()
            ? 0
            : static_cast<int32_t>(it - config.actions.begin()));
    data.action_weights.push_back(
        static_cast<float>(schema.actions().Weight(action)));
  }
  for (const std::string& task : dataset->tasks()) {
    auto it = std::find(config.tasks.begin(), config.tasks.end(), task);
    data.tasks.push_back(it == config.tasks.end()
                             ? -1
                             : static_cast<int32_t>(it - config.tasks.begin()));
  }
  return data;
}

absl::StatusOr<std::unique_ptr<TrainingSet>> LoadTrainingSet(
    storage::Database& database, const SplitOptions& split_options,
    const TrainOptions& training, const Model* continued,
    const ExecutionContext& context, ThreadPool& pool) {
  SetLoader loader(database, context);
  ATTUNE_RETURN_IF_ERROR(loader.LoadRows(split_options));
  ATTUNE_RETURN_IF_ERROR(continued != nullptr ? loader.CopyPipeline(*continued)
                                              : loader.FitPipeline(training));
  ATTUNE_RETURN_IF_ERROR(loader.Encode(nullptr));
  ATTUNE_RETURN_IF_ERROR(loader.CountNeighbours(training, pool));
  return loader.Take();
}

absl::StatusOr<std::unique_ptr<TrainingSet>> LoadEvaluationSet(
    storage::Database& database, const SplitOptions& split_options,
    const Model& model, const ExecutionContext& context) {
  SetLoader loader(database, context);
  ATTUNE_RETURN_IF_ERROR(loader.LoadRows(split_options));
  ATTUNE_RETURN_IF_ERROR(loader.CopyPipeline(model));
  ATTUNE_RETURN_IF_ERROR(loader.Encode(&model));
  return loader.Take();
}

void FitConfig(const TrainingSet& set, ModelConfig& config) {
  config.use_time = set.timed;
  config.item_count = static_cast<int64_t>(set.vocabulary.size());
  config.text_buckets = std::max(1, set.pipeline->text_rows());
  config.attribute_buckets = std::max(1, set.pipeline->attribute_rows());
  config.user_buckets = std::max(1, set.pipeline->user_rows());
  config.context_buckets = set.pipeline->context_rows();
  config.context_text = set.pipeline->has_context_text();
  config.dense_width = set.features->dense_width();
  config.actions = {"other"};
  for (const std::string& action : set.dataset->actions()) {
    config.actions.push_back(action);
  }
  config.tasks = {"next"};
  if (set.dataset->impression_count() > 0) {
    for (const std::string& task : set.dataset->tasks()) {
      config.tasks.push_back(task);
    }
  }
}

}  // namespace attune
