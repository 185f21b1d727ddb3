#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace attune::storage {

/// Walks the fields of a serialised protobuf message without building it: a
/// history of 400 events is merged in microseconds, where parsing it would make
/// 800 strings. Views live in the message's bytes.
class WireReader {
 public:
  explicit WireReader(std::string_view message) : rest_(message) {}

  /// Moves to the next field; false at the end or on malformed bytes (then
  /// ok() is false).
  bool Next() {
    if (!ok_ || rest_.empty()) return false;
    uint64_t tag = 0;
    if (!TakeVarint(tag)) return false;
    field_ = static_cast<uint32_t>(tag >> 3);
    number_ = 0;
    bytes_ = {};
    switch (tag & 7) {
      case 0:
        return TakeVarint(number_);
      case 1:
        return TakeBytes(8);
      case 2: {
        uint64_t length = 0;
        return TakeVarint(length) && TakeBytes(length);
      }
      case 5:
        return TakeBytes(4);
      default:
        return ok_ = false;
    }
  }

  bool ok() const { return ok_; }
  uint32_t field() const { return field_; }
  /// Value of a varint field, else 0.
  int64_t number() const { return static_cast<int64_t>(number_); }
  /// Content of any other field.
  std::string_view bytes() const { return bytes_; }

 private:
  bool TakeVarint(uint64_t& value) {
    value = 0;
    for (size_t i = 0; i < rest_.size() && i < 10; ++i) {
      const auto byte = static_cast<uint8_t>(rest_[i]);
      value |= static_cast<uint64_t>(byte & 0x7F) << (7 * i);
      if (byte < 0x80) {
        rest_.remove_prefix(i + 1);
        return true;
      }
    }
    return ok_ = false;
  }

  bool TakeBytes(uint64_t length) {
    if (length > rest_.size()) return ok_ = false;
    bytes_ = rest_.substr(0, length);
    rest_.remove_prefix(length);
    return true;
  }

  std::string_view rest_;
  bool ok_ = true;
  uint32_t field_ = 0;
  uint64_t number_ = 0;
  std::string_view bytes_;
};

/// Appends fields in protobuf's wire format; zero is left out, as proto3 does.
inline void AppendVarint(uint64_t value, std::string& out) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  out.push_back(static_cast<char>(value));
}
inline void AppendNumberField(uint32_t field, int64_t value, std::string& out) {
  if (value == 0) return;
  AppendVarint(field << 3, out);
  AppendVarint(static_cast<uint64_t>(value), out);
}
inline void AppendBytesField(uint32_t field, std::string_view bytes,
                             std::string& out) {
  AppendVarint(field << 3 | 2, out);
  AppendVarint(bytes.size(), out);
  out.append(bytes);
}

}  // namespace attune::storage
