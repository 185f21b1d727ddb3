#include "features/item_features.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>

#include "base/strings.h"

namespace attune::features {
namespace {

constexpr uint8_t kFormat = 1;
constexpr uint8_t kFormatWithSearch = 2;  // search keys at the end
constexpr float kMaxNumeric = 4.0f;

// Little-endian bytes and LEB128 numbers.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void Byte(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void Varint(uint64_t value) {
    while (value >= 0x80) {
      Byte(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    Byte(static_cast<uint8_t>(value));
  }
  void Fixed64(uint64_t value) {
    for (int shift = 0; shift < 64; shift += 8) {
      Byte(static_cast<uint8_t>(value >> shift));
    }
  }
  void Fixed32(uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) {
      Byte(static_cast<uint8_t>(value >> shift));
    }
  }
  void Float(float value) { Fixed32(std::bit_cast<uint32_t>(value)); }

 private:
  std::string& out_;
};

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  bool Byte(uint8_t* value) {
    if (rest_.empty()) return false;
    *value = static_cast<uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return true;
  }
  bool Varint(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *value |= static_cast<uint64_t>(byte & 0x7f) << shift;
      // A trailing zero byte would be a second way to write the same number.
      if (byte < 0x80) return byte != 0 || shift == 0;
    }
    return false;
  }
  bool Fixed64(uint64_t* value) {
    *value = 0;
    for (int shift = 0; shift < 64; shift += 8) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *value |= static_cast<uint64_t>(byte) << shift;
    }
    return true;
  }
  bool Fixed32(uint32_t* value) {
    *value = 0;
    for (int shift = 0; shift < 32; shift += 8) {
      uint8_t byte;
      if (!Byte(&byte)) return false;
      *value |= static_cast<uint32_t>(byte) << shift;
    }
    return true;
  }
  bool Float(float* value) {
    uint32_t bits;
    if (!Fixed32(&bits)) return false;
    *value = std::bit_cast<float>(bits);
    return true;
  }
  // Each element takes at least `element_bytes`, so that a made-up count
  // cannot make us allocate.
  bool Count(size_t element_bytes, size_t* count) {
    uint64_t value;
    if (!Varint(&value) || value > kMaxSerializedList ||
        value * element_bytes > rest_.size()) {
      return false;
    }
    *count = static_cast<size_t>(value);
    return true;
  }
  bool done() const { return rest_.empty(); }

 private:
  std::string_view rest_;
};

bool ReadTokens(ByteReader& reader, std::vector<int32_t>* tokens) {
  size_t count;
  if (!reader.Count(1, &count)) return false;
  tokens->resize(count);
  for (int32_t& token : *tokens) {
    uint64_t value;
    if (!reader.Varint(&value) || value > INT32_MAX) return false;
    token = static_cast<int32_t>(value);
  }
  return true;
}

// Order of attribute_keys.
bool ComesBefore(uint64_t a, uint64_t b) {
  return AttributeField(a) != AttributeField(b)
             ? AttributeField(a) < AttributeField(b)
             : a < b;
}

bool ReadAttributes(ByteReader& reader, ItemFeatures& item) {
  size_t count;
  if (!reader.Count(9, &count)) return false;
  item.attribute_keys.resize(count);
  item.attribute_idf.resize(count);
  for (size_t i = 0; i < count; ++i) {
    uint64_t& key = item.attribute_keys[i];
    if (!reader.Fixed64(&key) || AttributeField(key) >= kMaxMatchFields ||
        (i > 0 && !ComesBefore(item.attribute_keys[i - 1], key))) {
      return false;
    }
  }
  for (uint8_t& idf : item.attribute_idf) {
    if (!reader.Byte(&idf)) return false;
  }
  return true;
}

bool ReadSearchKeys(ByteReader& reader, ItemFeatures& item) {
  size_t count;
  // One without keys is written in the first format.
  if (!reader.Count(4, &count) || count == 0) return false;
  item.search_keys.resize(count);
  for (size_t i = 0; i < count; ++i) {
    uint32_t& key = item.search_keys[i];
    if (!reader.Fixed32(&key) || (i > 0 && item.search_keys[i - 1] >= key)) {
      return false;
    }
  }
  return true;
}

bool ReadAll(ByteReader& reader, ItemFeatures& item) {
  uint8_t format, flags;
  if (!reader.Byte(&format) ||
      (format != kFormat && format != kFormatWithSearch) ||
      !reader.Byte(&flags) || flags > 1) {
    return false;
  }
  item.unavailable = flags != 0;
  uint64_t series;
  if (!reader.Fixed64(&item.item_key) || !reader.Varint(&series) ||
      series > INT32_MAX) {
    return false;
  }
  item.series_number = static_cast<int32_t>(series);
  if (!ReadTokens(reader, &item.text_tokens) ||
      !ReadTokens(reader, &item.attribute_tokens) ||
      !ReadAttributes(reader, item)) {
    return false;
  }
  size_t count;
  if (!reader.Count(4, &count)) return false;
  item.numeric.resize(count);
  for (float& value : item.numeric) {
    if (!reader.Float(&value) || !(std::abs(value) <= kMaxNumeric)) {
      return false;
    }
  }
  if (!reader.Count(8, &count)) return false;
  item.times_ms.resize(count);
  for (int64_t& time_ms : item.times_ms) {
    uint64_t bits;
    if (!reader.Fixed64(&bits)) return false;
    time_ms = static_cast<int64_t>(bits);
  }
  if (format == kFormatWithSearch && !ReadSearchKeys(reader, item)) {
    return false;
  }
  return reader.done();
}

}  // namespace

void ItemFeatures::Clear() {
  item_key = 0;
  text_tokens.clear();
  attribute_tokens.clear();
  attribute_keys.clear();
  attribute_idf.clear();
  numeric.clear();
  times_ms.clear();
  search_keys.clear();
  series_number = 0;
  unavailable = false;
}

std::string ItemFeatures::Serialize() const {
  std::string bytes;
  bytes.reserve(32 + 3 * (text_tokens.size() + attribute_tokens.size()) +
                9 * attribute_keys.size() + 4 * numeric.size() +
                8 * times_ms.size() + 4 * search_keys.size());
  ByteWriter writer(bytes);
  writer.Byte(search_keys.empty() ? kFormat : kFormatWithSearch);
  writer.Byte(unavailable ? 1 : 0);
  writer.Fixed64(item_key);
  writer.Varint(static_cast<uint64_t>(series_number));
  for (const std::vector<int32_t>* tokens : {&text_tokens, &attribute_tokens}) {
    writer.Varint(tokens->size());
    for (const int32_t token : *tokens) {
      writer.Varint(static_cast<uint64_t>(token));
    }
  }
  writer.Varint(attribute_keys.size());
  for (const uint64_t key : attribute_keys) writer.Fixed64(key);
  for (const uint8_t idf : attribute_idf) writer.Byte(idf);
  writer.Varint(numeric.size());
  for (const float value : numeric) writer.Float(value);
  writer.Varint(times_ms.size());
  for (const int64_t time_ms : times_ms) {
    writer.Fixed64(static_cast<uint64_t>(time_ms));
  }
  if (search_keys.empty()) return bytes;
  writer.Varint(search_keys.size());
  for (const uint32_t key : search_keys) writer.Fixed32(key);
  return bytes;
}

absl::Status ItemFeatures::Parse(std::string_view bytes) {
  Clear();
  ByteReader reader(bytes);
  if (ReadAll(reader, *this)) return absl::OkStatus();
  Clear();
  return absl::InvalidArgumentError(
      StrCat("item features of ", bytes.size(),
             " bytes are damaged or of another format"));
}

}  // namespace attune::features
