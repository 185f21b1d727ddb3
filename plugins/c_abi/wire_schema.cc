#include "plugins/c_abi/wire_schema.h"

namespace attune {
namespace {

constexpr bool kOne = false;
constexpr bool kMany = true;

// records.proto
constexpr WireField kTextListFields[] = {{1, "values", kMany, nullptr}};
constexpr WireMessage kTextList = {"TextList", kTextListFields};

constexpr WireField kValueFields[] = {
    {2, "text", kOne, nullptr},
    {3, "list", kOne, &kTextList},
};
constexpr WireMessage kValue = {"Value", kValueFields};

constexpr WireField kFeatureFields[] = {
    {1, "name", kOne, nullptr},
    {2, "value", kOne, &kValue},
};
constexpr WireMessage kFeature = {"Feature", kFeatureFields};

constexpr WireField kItemFields[] = {
    {1, "item_id", kOne, nullptr},     {2, "title", kOne, nullptr},
    {3, "description", kOne, nullptr}, {4, "tags", kMany, nullptr},
    {5, "categories", kMany, nullptr}, {6, "features", kMany, &kFeature},
};
constexpr WireMessage kItem = {"Item", kItemFields};

constexpr WireField kUserFields[] = {
    {1, "user_id", kOne, nullptr},
    {2, "features", kMany, &kFeature},
};
constexpr WireMessage kUser = {"User", kUserFields};

constexpr WireField kEventFields[] = {
    {1, "user_id", kOne, nullptr},   {2, "item_id", kOne, nullptr},
    {3, "action", kOne, nullptr},    {6, "event_id", kOne, nullptr},
    {7, "followed", kMany, nullptr}, {8, "features", kMany, &kFeature},
};
constexpr WireMessage kEvent = {"Event", kEventFields};

constexpr WireField kHistoryEventFields[] = {
    {1, "item_id", kOne, nullptr},
    {2, "action", kOne, nullptr},
};
constexpr WireMessage kHistoryEvent = {"HistoryEvent", kHistoryEventFields};

constexpr WireField kHistoryFields[] = {{3, "events", kMany, &kHistoryEvent}};
constexpr WireMessage kHistory = {"History", kHistoryFields};

// attune.proto
constexpr WireField kPolicyFields[] = {
    {2, "require_categories", kMany, nullptr},
    {3, "exclude_categories", kMany, nullptr},
    {4, "exclude_ids", kMany, nullptr},
    {7, "value_formula", kOne, nullptr},
};
constexpr WireMessage kPolicy = {"Policy", kPolicyFields};

constexpr WireField kRankRequestFields[] = {
    {1, "user_id", kOne, nullptr},     {2, "candidate_ids", kMany, nullptr},
    {3, "candidates", kMany, &kItem},  {4, "inline_history", kOne, &kHistory},
    {5, "context", kMany, &kFeature},  {6, "inline_user", kOne, &kUser},
    {10, "model", kOne, nullptr},      {11, "policy", kOne, &kPolicy},
    {14, "request_id", kOne, nullptr}, {15, "history_items", kMany, &kItem},
};

}  // namespace

constexpr WireMessage kRankRequestWire = {"RankRequest", kRankRequestFields};

namespace {
constexpr WireField kRankBatchFields[] = {
    {1, "requests", kMany, &kRankRequestWire}};
constexpr WireField kPutItemsFields[] = {{1, "items", kMany, &kItem}};
constexpr WireField kPutUsersFields[] = {{1, "users", kMany, &kUser}};
constexpr WireField kPutEventsFields[] = {{1, "events", kMany, &kEvent}};
}  // namespace

constexpr WireMessage kRankBatchRequestWire = {"RankBatchRequest",
                                               kRankBatchFields};
constexpr WireMessage kPutItemsRequestWire = {"PutItemsRequest",
                                              kPutItemsFields};
constexpr WireMessage kPutUsersRequestWire = {"PutUsersRequest",
                                              kPutUsersFields};
constexpr WireMessage kPutEventsRequestWire = {"PutEventsRequest",
                                               kPutEventsFields};

}  // namespace attune
