#include "engine/ingest/record_checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>

namespace attune {
namespace {

using ::testing::HasSubstr;

v1::Event GoodEvent() {
  v1::Event event;
  event.set_user_id("u");
  event.set_item_id("i");
  event.set_action("click");
  event.set_time_ms(1);
  return event;
}

std::string Error(absl::Status status) {
  EXPECT_TRUE(status.ok() || absl::IsInvalidArgument(status)) << status;
  return std::string(status.message());
}

TEST(RecordChecksTest, IdsHaveBounds) {
  v1::Item item;
  EXPECT_THAT(Error(CheckItem(&item)), HasSubstr("\"item_id\": is empty"));
  item.set_item_id(std::string(1024, 'x'));
  EXPECT_TRUE(CheckItem(&item).ok());
  item.set_item_id(std::string(1025, 'x'));
  EXPECT_THAT(Error(CheckItem(&item)),
              HasSubstr("has 1025 bytes, at most 1024"));
  item.set_item_id("a\xff");
  EXPECT_THAT(Error(CheckItem(&item)), HasSubstr("not valid UTF-8"));
  item.set_item_id("a");
  item.set_title("\xc3");
  EXPECT_THAT(Error(CheckItem(&item)), HasSubstr("\"title\": not valid"));
  v1::User user;
  EXPECT_THAT(Error(CheckUser(&user)), HasSubstr("\"user_id\": is empty"));
}

TEST(RecordChecksTest, FeaturesAreSortedDistinctAndFinite) {
  v1::User user;
  user.set_user_id("u");
  for (const char* name : {"z", "a", "m"}) {
    v1::Feature* feature = user.add_features();
    feature->set_name(name);
    feature->mutable_value()->set_number(1);
  }
  user.add_features()->set_name("empty");
  user.add_features()->mutable_value()->set_text("");
  ASSERT_TRUE(CheckUser(&user).ok());
  ASSERT_EQ(user.features_size(), 3);
  EXPECT_EQ(user.features(0).name(), "a");
  EXPECT_EQ(user.features(2).name(), "z");

  v1::Feature* feature = user.add_features();
  feature->set_name("m");
  feature->mutable_value()->set_number(2);
  EXPECT_THAT(Error(CheckUser(&user)), HasSubstr("\"m\": is there twice"));
  user.mutable_features()->RemoveLast();
  user.mutable_features(0)->mutable_value()->set_number(std::nan(""));
  EXPECT_THAT(Error(CheckUser(&user)), HasSubstr("is not a finite number"));
}

TEST(RecordChecksTest, EventsHaveAPlaceAndAnAction) {
  v1::Event event = GoodEvent();
  EXPECT_TRUE(CheckEvent(&event).ok());
  event.clear_time_ms();
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("neither a time nor"));
  event.set_order(-3);
  EXPECT_TRUE(CheckEvent(&event).ok());
  event.set_time_ms(-1);
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("-1 is not between"));
  event.set_time_ms(kMaxTimeMs + 1);
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("1970 and 2100"));
  event = GoodEvent();
  event.clear_action();
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("\"action\": is empty"));
}

TEST(RecordChecksTest, OnlyImpressionsAreFollowed) {
  v1::Event event = GoodEvent();
  event.add_followed("buy");
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("is for impressions"));
  event.set_action("impression");
  EXPECT_TRUE(CheckEvent(&event).ok());
  event.add_followed("buy");
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("\"buy\" cannot be there"));
  event.set_followed(1, "impression");
  EXPECT_THAT(Error(CheckEvent(&event)), HasSubstr("cannot be there"));
}

}  // namespace
}  // namespace attune
