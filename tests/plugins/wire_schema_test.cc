// The hand-kept tables of wire_schema.cc against the .proto files themselves.
#include "plugins/c_abi/wire_schema.h"

#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <set>
#include <string>

namespace attune {
namespace {

using google::protobuf::DescriptorProto;
using google::protobuf::FieldDescriptorProto;

std::map<std::string, DescriptorProto> ReadDescriptors() {
  std::ifstream file(ATTUNE_TEST_DESCRIPTORS, std::ios::binary);
  google::protobuf::FileDescriptorSet set;
  EXPECT_TRUE(set.ParseFromIstream(&file)) << ATTUNE_TEST_DESCRIPTORS;
  std::map<std::string, DescriptorProto> messages;
  for (const auto& proto : set.file()) {
    for (const auto& message : proto.message_type()) {
      messages["." + proto.package() + "." + message.name()] = message;
    }
  }
  return messages;
}

class WireSchemaTest : public ::testing::Test {
 protected:
  void Compare(const WireMessage& table, const std::string& type) {
    if (!compared_.insert(type).second) return;
    ASSERT_TRUE(descriptors_.count(type)) << type;
    const DescriptorProto& descriptor = descriptors_[type];
    EXPECT_EQ(std::string(table.name), descriptor.name());
    EXPECT_LE(table.fields.size(), 16u) << "see kMaxFields of wire_check.cc";
    size_t expected = 0;
    for (const FieldDescriptorProto& field : descriptor.field()) {
      const bool text = field.type() == FieldDescriptorProto::TYPE_STRING;
      if (!text && field.type() != FieldDescriptorProto::TYPE_MESSAGE) continue;
      ++expected;
      const WireField* found = nullptr;
      for (const WireField& entry : table.fields) {
        if (static_cast<int>(entry.number) == field.number()) found = &entry;
      }
      ASSERT_NE(found, nullptr) << type << "." << field.name();
      EXPECT_EQ(std::string(found->name), field.name());
      EXPECT_EQ(found->repeated,
                field.label() == FieldDescriptorProto::LABEL_REPEATED)
          << type << "." << field.name();
      EXPECT_EQ(found->message == nullptr, text) << type << "." << field.name();
      if (!text) Compare(*found->message, field.type_name());
    }
    EXPECT_EQ(table.fields.size(), expected) << type;
  }

  std::map<std::string, DescriptorProto> descriptors_ = ReadDescriptors();
  std::set<std::string> compared_;
};

TEST_F(WireSchemaTest, TablesAreTheProtos) {
  Compare(kRankRequestWire, ".attune.v1.RankRequest");
  Compare(kRankBatchRequestWire, ".attune.v1.RankBatchRequest");
  Compare(kPutItemsRequestWire, ".attune.v1.PutItemsRequest");
  Compare(kPutUsersRequestWire, ".attune.v1.PutUsersRequest");
  Compare(kPutEventsRequestWire, ".attune.v1.PutEventsRequest");
  EXPECT_EQ(compared_.size(), 14u);
}

}  // namespace
}  // namespace attune
