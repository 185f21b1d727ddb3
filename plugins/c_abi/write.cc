// Writing: see attune.h for what each function promises.
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "plugins/c_abi/arguments.h"
#include "plugins/c_abi/attune.h"
#include "plugins/c_abi/entry.h"
#include "plugins/c_abi/message.h"

namespace attune {
namespace {

/// The messages of a repeated field, moved together: a RepeatedPtrField holds
/// pointers, the engine takes a span.
template <typename Message>
std::vector<Message> Unpack(
    google::protobuf::RepeatedPtrField<Message>* field) {
  std::vector<Message> messages;
  messages.reserve(field->size());
  for (Message& message : *field) messages.push_back(std::move(message));
  return messages;
}

/// Parses a Put…Request and gives its records to `put`.
template <typename Request, typename Field, typename Put>
int PutEntry(attune_engine* engine, const void* request, size_t request_size,
             uint32_t flags, const WireMessage& type, attune_error* error,
             const Field& field, const Put& put) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(CheckFlags(flags, ATTUNE_PUT_SYNC, "flags"));
    ATTUNE_ASSIGN_OR_RETURN(auto message,
                            ParseMessage<Request>(request, request_size, type));
    const auto records = Unpack(field(message));
    return put(open, std::span(records), (flags & ATTUNE_PUT_SYNC) != 0);
  });
}

}  // namespace
}  // namespace attune

using namespace attune;  // NOLINT: the functions below are C's

extern "C" {

int attune_put_items(attune_engine* engine, const void* request,
                     size_t request_size, uint32_t flags, attune_error* error) {
  return PutEntry<v1::PutItemsRequest>(
      engine, request, request_size, flags, kPutItemsRequestWire, error,
      [](v1::PutItemsRequest& message) { return message.mutable_items(); },
      [](Engine& open, std::span<const v1::Item> items, bool sync) {
        return open.PutItems(items, sync);
      });
}

int attune_put_users(attune_engine* engine, const void* request,
                     size_t request_size, uint32_t flags, attune_error* error) {
  return PutEntry<v1::PutUsersRequest>(
      engine, request, request_size, flags, kPutUsersRequestWire, error,
      [](v1::PutUsersRequest& message) { return message.mutable_users(); },
      [](Engine& open, std::span<const v1::User> users, bool sync) {
        return open.PutUsers(users, sync);
      });
}

int attune_put_events(attune_engine* engine, const void* request,
                      size_t request_size, uint32_t flags,
                      attune_error* error) {
  return PutEntry<v1::PutEventsRequest>(
      engine, request, request_size, flags, kPutEventsRequestWire, error,
      [](v1::PutEventsRequest& message) { return message.mutable_events(); },
      [](Engine& open, std::span<const v1::Event> events, bool sync) {
        return open.PutEvents(events, sync);
      });
}

int attune_delete_item(attune_engine* engine, const char* item_id,
                       size_t item_id_length, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view item,
                            ReadText(item_id, item_id_length, "item_id"));
    return open.DeleteItem(item);
  });
}

int attune_delete_user(attune_engine* engine, const char* user_id,
                       size_t user_id_length, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view user,
                            ReadText(user_id, user_id_length, "user_id"));
    return open.DeleteUser(user);
  });
}

int attune_delete_user_events(attune_engine* engine, const char* user_id,
                              size_t user_id_length, const char* item_id,
                              size_t item_id_length, attune_error* error) {
  return EngineEntry(engine, error, [&](Engine& open) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view user,
                            ReadText(user_id, user_id_length, "user_id"));
    ATTUNE_ASSIGN_OR_RETURN(const std::string_view item,
                            ReadText(item_id, item_id_length, "item_id"));
    return open.DeleteUserEvents(user, item);
  });
}

}  // extern "C"
