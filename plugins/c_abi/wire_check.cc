#include "plugins/c_abi/wire_check.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "plugins/c_abi/arguments.h"

namespace attune {
namespace {

enum WireType : uint32_t {
  kVarint = 0,
  kFixed64 = 1,
  kLengthDelimited = 2,
  kStartGroup = 3,
  kEndGroup = 4,
  kFixed32 = 5,
};

constexpr size_t kFieldsPerLook = 4096;  // at the cancel flag
constexpr int kMaxGroupDepth = 64;       // protobuf's limit is 100
constexpr size_t kMaxFields = 16;        // of one WireMessage
constexpr size_t kParsedMessage = 192;   // sizeof(v1::RankRequest) is less
constexpr size_t kParsedString = 48;     // std::string, pointer, malloc's own

/// Walks the bytes of one top-level message.
class WireChecker {
 public:
  WireChecker(std::string_view bytes, CancelFlag cancelled)
      : bytes_(bytes), cancelled_(cancelled) {}

  /// Checks [at_, end) as fields of `type`.
  absl::Status CheckMessage(const WireMessage& type, size_t end) {
    std::array<uint32_t, kMaxFields> seen{};
    ATTUNE_RETURN_IF_ERROR(Charge(kParsedMessage));
    while (at_ < end) {
      if (++fields_ % kFieldsPerLook == 0 && cancelled_.IsSet()) {
        return absl::CancelledError("request cancelled by the caller");
      }
      uint32_t number, wire;
      ATTUNE_RETURN_IF_ERROR(ReadTag(end, &number, &wire));
      if (wire != kLengthDelimited) {
        ATTUNE_RETURN_IF_ERROR(SkipValue(number, wire, end));
        continue;
      }
      uint64_t length;
      ATTUNE_RETURN_IF_ERROR(ReadLength(end, &length));
      size_t index = 0;
      while (index < type.fields.size() &&
             type.fields[index].number != number) {
        ++index;
      }
      if (index == type.fields.size()) {  // a number list, or unknown
        ATTUNE_RETURN_IF_ERROR(Charge(length));
        at_ += length;
        continue;
      }
      const WireField& field = type.fields[index];
      absl::Status status = field.message != nullptr
                                ? CheckMessage(*field.message, at_ + length)
                                : CheckText(length);
      if (!status.ok()) return InField(field, seen[index], status);
      ++seen[index];
    }
    return absl::OkStatus();
  }

 private:
  absl::Status Malformed(absl::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(": no protobuf at byte ", at_, ": ", what));
  }

  /// Puts the field's name before what was wrong in it.
  static absl::Status InField(const WireField& field, uint32_t index,
                              const absl::Status& status) {
    if (absl::IsCancelled(status)) return status;
    return absl::InvalidArgumentError(absl::StrCat(
        ".", field.name, field.repeated ? absl::StrCat("[", index, "]") : "",
        status.message()));
  }

  absl::Status Charge(size_t bytes) {
    parsed_bytes_ += bytes;
    if (parsed_bytes_ <= kMaxParsedBytes) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        ": the message needs more than ", kMaxParsedBytes >> 20,
        " MiB once parsed (reached at byte ", at_, "): send it in parts"));
  }

  absl::Status ReadVarint(size_t end, uint64_t* value) {
    *value = 0;
    for (size_t i = 0; i < 10; ++i) {
      if (at_ + i >= end) return Malformed("a number is cut off");
      const auto byte = static_cast<unsigned char>(bytes_[at_ + i]);
      *value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        at_ += i + 1;
        return absl::OkStatus();
      }
    }
    return Malformed("a number of more than 10 bytes");
  }

  absl::Status ReadTag(size_t end, uint32_t* number, uint32_t* wire) {
    const size_t begin = at_;
    uint64_t tag;
    ATTUNE_RETURN_IF_ERROR(ReadVarint(end, &tag));
    // protobuf takes five bytes and drops what is above 32 bits.
    *number = static_cast<uint32_t>(tag) >> 3;
    *wire = static_cast<uint32_t>(tag & 7);
    if (*number != 0 && at_ - begin <= 5) {
      return absl::OkStatus();
    }
    at_ = begin;
    return Malformed("no field has such a tag");
  }

  absl::Status ReadLength(size_t end, uint64_t* length) {
    const size_t begin = at_;
    ATTUNE_RETURN_IF_ERROR(ReadVarint(end, length));
    // protobuf takes at most five bytes for a length.
    if (*length <= end - at_ && at_ - begin <= 5) return absl::OkStatus();
    const size_t left = end - at_;
    at_ = begin;
    return Malformed(absl::StrCat("a field of ", *length, " bytes where ", left,
                                  " are left"));
  }

  absl::Status SkipFixed(size_t size, size_t end) {
    if (end - at_ < size) return Malformed("a number is cut off");
    at_ += size;
    return absl::OkStatus();
  }

  /// Skips a value that is neither text nor a message of ours.
  absl::Status SkipValue(uint32_t number, uint32_t wire, size_t end) {
    ATTUNE_RETURN_IF_ERROR(Charge(sizeof(uint64_t)));
    uint64_t ignored;
    switch (wire) {
      case kVarint:
        return ReadVarint(end, &ignored);
      case kFixed64:
        return SkipFixed(8, end);
      case kFixed32:
        return SkipFixed(4, end);
      case kLengthDelimited:
        ATTUNE_RETURN_IF_ERROR(ReadLength(end, &ignored));
        ATTUNE_RETURN_IF_ERROR(Charge(ignored));
        at_ += ignored;
        return absl::OkStatus();
      case kStartGroup:
        return SkipGroup(number, end);
      default:
        return Malformed(
            absl::StrCat("field ", number, " has wire type ", wire));
    }
  }

  /// Skips an unknown group of the old format up to its end tag.
  absl::Status SkipGroup(uint32_t number, size_t end) {
    if (++group_depth_ > kMaxGroupDepth) return Malformed("groups too deep");
    while (true) {
      uint32_t inner, wire;
      ATTUNE_RETURN_IF_ERROR(ReadTag(end, &inner, &wire));
      if (wire == kEndGroup) {
        if (inner != number) return Malformed("the end of another group");
        --group_depth_;
        return absl::OkStatus();
      }
      ATTUNE_RETURN_IF_ERROR(SkipValue(inner, wire, end));
    }
  }

  absl::Status CheckText(size_t length) {
    ATTUNE_RETURN_IF_ERROR(Charge(kParsedString + length));
    if (!IsUtf8(bytes_.substr(at_, length))) {
      return absl::InvalidArgumentError(
          absl::StrCat(": no UTF-8 in the ", length, " bytes at ", at_));
    }
    at_ += length;
    return absl::OkStatus();
  }

  const std::string_view bytes_;
  const CancelFlag cancelled_;
  size_t fields_ = 0;
  size_t at_ = 0;
  size_t parsed_bytes_ = 0;
  int group_depth_ = 0;
};

}  // namespace

absl::Status CheckWire(std::string_view bytes, const WireMessage& type,
                       CancelFlag cancelled) {
  absl::Status status =
      WireChecker(bytes, cancelled).CheckMessage(type, bytes.size());
  if (status.ok() || absl::IsCancelled(status)) return status;
  return absl::InvalidArgumentError(absl::StrCat(type.name, status.message()));
}

}  // namespace attune
