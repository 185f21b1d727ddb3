#pragma once

#include <string>
#include <vector>

#include "plugins/c_abi/wire_schema.h"
#include "proto/attune.pb.h"

namespace attune {

/// Valid bytes of a top-level message with every text field set.
struct SampleMessage {
  const WireMessage* type;
  std::string bytes;
};
std::vector<SampleMessage> SampleMessages();

/// Whether the protobuf library takes the bytes as this type. It prints to
/// stderr for bad UTF-8.
bool ProtobufParses(const WireMessage& type, const std::string& bytes);

}  // namespace attune
