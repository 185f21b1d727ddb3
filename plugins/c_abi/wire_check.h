#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "base/cancel_flag.h"
#include "plugins/c_abi/wire_schema.h"

namespace attune {

/// What a message may need in memory once parsed. An empty sub-message is two
/// bytes on the wire and hundreds parsed: without a bound, 64 MiB of input
/// could ask for 10 GiB.
inline constexpr size_t kMaxParsedBytes = size_t{1} << 30;

/// Whether `bytes` can be parsed as a message of this type: well-formed
/// protobuf whose text is UTF-8 and that fits kMaxParsedBytes. InvalidArgument
/// names the field's path and the place. It runs before the protobuf library,
/// which would say no more than "no", and print to the host's stderr for bad
/// UTF-8. Unknown fields pass, as they do in protobuf. Cancelled when the flag
/// is set meanwhile.
absl::Status CheckWire(std::string_view bytes, const WireMessage& type,
                       CancelFlag cancelled = {});

}  // namespace attune
