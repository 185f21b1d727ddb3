// Writing.
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/engine_impl.h"
#include "engine/ingest/event_writer.h"

namespace attune {

absl::Status EngineImpl::CheckWriter() const {
  if (options_.mode == EngineOptions::Mode::kOwner) return absl::OkStatus();
  return absl::FailedPreconditionError(
      StrCat("database \"", options_.database_path,
             "\" is open as a follower: write through its owner"));
}

absl::Status EngineImpl::PutItems(std::span<const v1::Item> items, bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyItems(items, &group));
  std::lock_guard<std::mutex> lock(write_mutex_);
  std::vector<const v1::Item*> records;
  std::vector<std::string_view> ids;
  for (const v1::Item& item : items) {
    records.push_back(&item);
    ids.push_back(item.item_id());
  }
  return WithContext(0, {}, [&](ExecutionContext& context) -> absl::Status {
    for (const auto& served : models_->live()) {
      ATTUNE_RETURN_IF_ERROR(
          served->items().EmbedInto(context, records, &group));
    }
    ATTUNE_RETURN_IF_ERROR(
        database_->Write(std::move(group), storage::WriteOptions{sync}));
    UpdateCatalogues(context, ids);
    return absl::OkStatus();
  });
}

void EngineImpl::UpdateCatalogues(ExecutionContext& context,
                                  std::span<const std::string_view> item_ids) {
  // Asked anew: an index whose build began before the write must hear of it.
  for (const auto& served : models_->live()) {
    served->index().Update(context, item_ids);
  }
}

absl::Status EngineImpl::PutUsers(std::span<const v1::User> users, bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyUsers(users, &group));
  std::lock_guard<std::mutex> lock(write_mutex_);
  return database_->Write(std::move(group), storage::WriteOptions{sync});
}

absl::Status EngineImpl::PutEvents(std::span<const v1::Event> events,
                                   bool sync) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  std::lock_guard<std::mutex> lock(write_mutex_);
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(ApplyEvents(schema_, events, WallClockMs(), &group));
  return database_->Write(std::move(group), storage::WriteOptions{sync});
}

absl::Status EngineImpl::DeleteItem(std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(group.DeleteItem(item_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  return WithContext(0, {}, [&](ExecutionContext& context) {
    UpdateCatalogues(context, std::span(&item_id, 1));
    return absl::OkStatus();
  });
}

absl::Status EngineImpl::DeleteUser(std::string_view user_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(group.DeleteUser(user_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  states_.Erase(user_id);
  return absl::OkStatus();
}

absl::Status EngineImpl::DeleteUserEvents(std::string_view user_id,
                                          std::string_view item_id) {
  ATTUNE_RETURN_IF_ERROR(CheckWriter());
  storage::WriteGroup group;
  ATTUNE_RETURN_IF_ERROR(item_id.empty()
                             ? group.DeleteUserEvents(user_id)
                             : group.DeleteUserItemEvents(user_id, item_id));
  std::lock_guard<std::mutex> lock(write_mutex_);
  ATTUNE_RETURN_IF_ERROR(database_->Write(std::move(group)));
  states_.Erase(user_id);
  return absl::OkStatus();
}

}  // namespace attune
