#include "engine/train/load_dataset.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "base/status_macros.h"
#include "features/action_policy.h"

namespace attune {
namespace {

class DatasetLoader {
 public:
  DatasetLoader(const features::Schema& schema,
                const LoadDatasetOptions& options)
      : schema_(schema), options_(options) {}

  absl::Status AddTasks() {
    for (const std::string& task : options_.tasks) {
      ATTUNE_RETURN_IF_ERROR(builder_.AddTask(task).status());
    }
    return absl::OkStatus();
  }

  absl::Status AddItem(const v1::Item& item) {
    builder_.AddItem(item.item_id());
    return absl::OkStatus();
  }

  absl::Status AddEvent(const v1::Event& event) {
    const int32_t user = builder_.AddUser(event.user_id());
    const int32_t context = ContextOf(event);
    if (event.action() == features::kImpression) {
      ATTUNE_RETURN_IF_ERROR(AddImpression(user, context, event));
    }
    const std::optional<v1::HistoryEvent> entry =
        schema_.HistoryEntryFor(event);
    if (!entry.has_value()) return absl::OkStatus();
    Interaction row;
    row.item = builder_.AddItem(entry->item_id());
    ATTUNE_ASSIGN_OR_RETURN(row.action, builder_.AddAction(entry->action()));
    row.has_time = entry->has_time();
    row.positive = schema_.actions().IsPositive(entry->action());
    row.context = context;
    row.time_ms = entry->sort_key();
    row.sort_key = entry->sort_key();
    builder_.AddInteraction(user, row);
    return absl::OkStatus();
  }

  Dataset Build() && { return std::move(builder_).Build(); }

 private:
  int32_t ContextOf(const v1::Event& event) {
    context_.clear_features();
    for (const v1::Feature& feature : event.features()) {
      if (schema_.IsContext(feature.name())) {
        *context_.add_features() = feature;
      }
    }
    if (context_.features_size() == 0) return -1;
    return builder_.AddContext(context_.SerializeAsString());
  }

  absl::Status AddImpression(int32_t user, int32_t context,
                             const v1::Event& event) {
    Impression row;
    row.context = context;
    row.item = builder_.AddItem(event.item_id());
    row.has_time = event.has_time_ms();
    row.time_ms = event.time_ms();
    row.sort_key = event.has_time_ms() ? event.time_ms() : event.order();
    for (const std::string& followed : event.followed()) {
      if (!options_.tasks.empty() &&
          std::find(options_.tasks.begin(), options_.tasks.end(), followed) ==
              options_.tasks.end()) {
        continue;
      }
      ATTUNE_ASSIGN_OR_RETURN(const int bit, builder_.AddTask(followed));
      row.followed |= uint32_t{1} << bit;
    }
    builder_.AddImpression(user, row);
    return absl::OkStatus();
  }

  const features::Schema& schema_;
  const LoadDatasetOptions& options_;
  DatasetBuilder builder_;
  v1::User context_;  // scratch
};

}  // namespace

absl::StatusOr<Dataset> LoadDataset(storage::Database& database,
                                    const features::Schema& schema,
                                    const LoadDatasetOptions& options,
                                    const ExecutionContext& context) {
  DatasetLoader loader(schema, options);
  ATTUNE_RETURN_IF_ERROR(loader.AddTasks());
  // Asking for the time at every event would cost more than reading it.
  int64_t rows = 0;
  const auto check = [&]() -> absl::Status {
    return ++rows % 4096 == 0 ? context.CheckProgress() : absl::OkStatus();
  };
  if (options.include_catalogue) {
    ATTUNE_RETURN_IF_ERROR(
        database.ForEachItem([&](const v1::Item& item) -> absl::Status {
          ATTUNE_RETURN_IF_ERROR(check());
          return loader.AddItem(item);
        }));
  }
  ATTUNE_RETURN_IF_ERROR(
      database.ForEachEvent([&](const v1::Event& event) -> absl::Status {
        ATTUNE_RETURN_IF_ERROR(check());
        return loader.AddEvent(event);
      }));
  return std::move(loader).Build();
}

}  // namespace attune
