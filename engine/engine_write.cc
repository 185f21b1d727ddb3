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
  for (const v1::Item& item : items) records.push_back(&item);
  const auto live = models_->live();
  ATTUNE_RETURN_IF_ERROR(
      WithContext(0, {}, [&](ExecutionContext& context) -> absl::Status {
        for (const auto& served : live) {
          ATTUNE_RETURN_IF_ERROR(
              served->items().EmbedInto(context, records, &group));
        }
        return absl::OkStatus();
      }));
  ATTUNE_RETURN_IF_ERROR(
      database_->Write(std::move(group), storage::WriteOptions{sync}));
  for (const auto& served : live) served->index().Invalidate();
  return absl::OkStatus();
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
  for (const auto& served : models_->live()) served->index().Invalidate();
  return absl::OkStatus();
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
