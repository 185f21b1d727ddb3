#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "proto/records.pb.h"

namespace attune::storage {

/// Whether `text` is well-formed UTF-8 (RFC 3629: no overlong forms, surrogates
/// or code points above U+10FFFF). NUL is fine.
bool IsUtf8(std::string_view text);

/// Ok, or InvalidArgument for an id that is empty, longer than kMaxIdBytes or
/// not UTF-8. `what` names the id in the message: "item id".
absl::Status CheckId(std::string_view what, std::string_view id);

/// CheckId of both; `kind` must not hold a slash, which ends it in the key.
absl::Status CheckJournalKey(std::string_view kind,
                             std::string_view content_hash);

/// InvalidArgument when some text of the record is not UTF-8. protobuf would
/// write such a record, print to stderr, and then refuse to read it back.
absl::Status CheckText(const v1::Item& item);
absl::Status CheckText(const v1::User& user);
absl::Status CheckText(const v1::Event& event);

/// The id as it may be shown in a message: quoted, escaped, shortened.
std::string QuoteId(std::string_view id);

}  // namespace attune::storage
