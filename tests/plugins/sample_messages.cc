#include "tests/plugins/sample_messages.h"

namespace attune {
namespace {

void FillFeatures(google::protobuf::RepeatedPtrField<v1::Feature>* features) {
  v1::Feature* number = features->Add();
  number->set_name("price");
  number->mutable_value()->set_number(9.5);
  v1::Feature* text = features->Add();
  text->set_name("author");
  text->mutable_value()->set_text("Кафка");
  v1::Feature* list = features->Add();
  list->set_name("moods");
  list->mutable_value()->mutable_list()->add_values("dark");
  list->mutable_value()->mutable_list()->add_values("");
}

void FillItem(v1::Item* item) {
  item->set_item_id("item-1");
  item->set_title("书");
  item->set_description("Un livre très long");
  item->add_tags("novel");
  item->add_tags("classic");
  item->add_categories("fiction");
  FillFeatures(item->mutable_features());
  item->set_unavailable(true);
}

void FillUser(v1::User* user) {
  user->set_user_id("user-1");
  FillFeatures(user->mutable_features());
}

void FillEvent(v1::Event* event) {
  event->set_user_id("user-1");
  event->set_item_id("item-1");
  event->set_action("click");
  event->set_time_ms(1700000000123);
  event->set_order(7);
  event->set_event_id("e-1");
  event->add_followed("like");
  FillFeatures(event->mutable_features());
}

void FillRequest(v1::RankRequest* request) {
  request->set_user_id("user-1");
  request->add_candidate_ids("item-1");
  request->add_candidate_ids("item-2");
  FillItem(request->add_candidates());
  v1::History* history = request->mutable_inline_history();
  history->set_count(2);
  v1::HistoryEvent* event = history->add_events();
  event->set_item_id("item-2");
  event->set_action("buy");
  event->set_sort_key(-5);
  FillUser(request->mutable_inline_user());
  request->set_now_ms(1700000000999);
  request->set_k(10);
  request->set_model("v1");
  v1::Policy* policy = request->mutable_policy();
  policy->add_require_categories("fiction");
  policy->add_exclude_categories("horror");
  policy->add_exclude_ids("item-9");
  policy->set_diversity(0.25f);
  policy->set_value_formula("click + 2 * like");
  request->set_request_id("r-1");
  FillItem(request->add_history_items());
}

template <typename Message>
bool Parses(const std::string& bytes) {
  return Message().ParseFromString(bytes);
}

}  // namespace

std::vector<SampleMessage> SampleMessages() {
  v1::RankRequest request;
  FillRequest(&request);
  v1::RankBatchRequest batch;
  FillRequest(batch.add_requests());
  batch.add_requests();
  v1::PutItemsRequest items;
  FillItem(items.add_items());
  FillItem(items.add_items());
  v1::PutUsersRequest users;
  FillUser(users.add_users());
  v1::PutEventsRequest events;
  FillEvent(events.add_events());
  FillEvent(events.add_events());
  return {{&kRankRequestWire, request.SerializeAsString()},
          {&kRankBatchRequestWire, batch.SerializeAsString()},
          {&kPutItemsRequestWire, items.SerializeAsString()},
          {&kPutUsersRequestWire, users.SerializeAsString()},
          {&kPutEventsRequestWire, events.SerializeAsString()}};
}

bool ProtobufParses(const WireMessage& type, const std::string& bytes) {
  if (&type == &kRankRequestWire) return Parses<v1::RankRequest>(bytes);
  if (&type == &kRankBatchRequestWire) {
    return Parses<v1::RankBatchRequest>(bytes);
  }
  if (&type == &kPutItemsRequestWire) return Parses<v1::PutItemsRequest>(bytes);
  if (&type == &kPutUsersRequestWire) return Parses<v1::PutUsersRequest>(bytes);
  return Parses<v1::PutEventsRequest>(bytes);
}

}  // namespace attune
