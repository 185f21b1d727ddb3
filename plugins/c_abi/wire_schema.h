#pragma once

#include <cstdint>
#include <span>

#include "absl/strings/string_view.h"

namespace attune {

struct WireMessage;

/// A field that holds text or another message. Numbers need no entry: every
/// bit pattern of theirs is valid.
struct WireField {
  uint32_t number = 0;
  absl::string_view name;
  bool repeated = false;
  const WireMessage* message = nullptr;  ///< null: text
};

/// What CheckWire must know of a message type. Kept by hand beside
/// proto/*.proto, since the lite runtime has no descriptors; a test compares
/// the two.
struct WireMessage {
  absl::string_view name;
  std::span<const WireField> fields;
};

extern const WireMessage kRankRequestWire;
extern const WireMessage kRankBatchRequestWire;
extern const WireMessage kPutItemsRequestWire;
extern const WireMessage kPutUsersRequestWire;
extern const WireMessage kPutEventsRequestWire;

}  // namespace attune
