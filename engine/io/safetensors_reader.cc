#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/excerpt.h"
#include "engine/io/float_conversion.h"
#include "engine/io/json_file.h"
#include "engine/io/safetensors.h"

namespace attune {
namespace {

using Json = nlohmann::json;

static_assert(std::endian::native == std::endian::little,
              "safetensors is little-endian and so is this reader");

// The format's own limit.
constexpr uint64_t kMaxHeaderBytes = 100'000'000;
constexpr size_t kMaxAxes = 16;

// Bits of one element; 0 for a type that the format does not have.
int ElementBits(std::string_view dtype) {
  for (const auto& [name, bits] : {std::pair<std::string_view, int>{"F64", 64},
                                   {"F32", 32},
                                   {"F16", 16},
                                   {"BF16", 16},
                                   {"F8_E5M2", 8},
                                   {"F8_E4M3", 8},
                                   {"I64", 64},
                                   {"I32", 32},
                                   {"I16", 16},
                                   {"I8", 8},
                                   {"U64", 64},
                                   {"U32", 32},
                                   {"U16", 16},
                                   {"U8", 8},
                                   {"BOOL", 8}}) {
    if (name == dtype) return bits;
  }
  return 0;
}

std::string ShapeText(std::span<const int64_t> shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) {
    text += StrCat(i == 0 ? "" : ", ", shape[i]);
  }
  return text + "]";
}

// Checks one header entry but for its place among the others.
absl::Status ParseEntry(const Json& json, int64_t data_bytes,
                        TensorEntry* entry) {
  if (!json.is_object() || json.size() != 3 || !json.contains("dtype") ||
      !json["dtype"].is_string() || !json.contains("shape") ||
      !json["shape"].is_array() || !json.contains("data_offsets") ||
      !json["data_offsets"].is_array() || json["data_offsets"].size() != 2) {
    return absl::DataLossError(
        "dtype, shape and two data_offsets are expected");
  }
  entry->dtype = json["dtype"].get<std::string>();
  const int bits = ElementBits(entry->dtype);
  if (bits == 0) {
    return absl::DataLossError(StrCat("unknown dtype ", Excerpt(entry->dtype)));
  }
  if (json["shape"].size() > kMaxAxes) {
    return absl::DataLossError(StrCat("has ", json["shape"].size(), " axes"));
  }
  int64_t bytes = bits / 8;
  for (const Json& extent : json["shape"]) {
    int64_t product = 0;
    if (!extent.is_number_unsigned() ||
        extent.get<uint64_t>() > static_cast<uint64_t>(INT64_MAX) ||
        __builtin_mul_overflow(bytes, extent.get<int64_t>(), &product)) {
      return absl::DataLossError(
          StrCat("shape ", json["shape"].dump(), " is not possible"));
    }
    bytes = product;
    entry->shape.push_back(extent.get<int64_t>());
  }
  const Json& begin = json["data_offsets"][0];
  const Json& end = json["data_offsets"][1];
  if (!begin.is_number_unsigned() || !end.is_number_unsigned() ||
      begin.get<uint64_t>() > end.get<uint64_t>() ||
      end.get<uint64_t>() > static_cast<uint64_t>(data_bytes)) {
    return absl::DataLossError(
        StrCat("data_offsets ", json["data_offsets"].dump(),
               " do not lie within the ", data_bytes, " bytes of data"));
  }
  entry->offset = begin.get<int64_t>();
  entry->size_bytes = end.get<int64_t>() - entry->offset;
  if (entry->size_bytes != bytes) {
    return absl::DataLossError(
        StrCat("has ", entry->size_bytes, " bytes, but ", entry->dtype, " ",
               ShapeText(entry->shape), " takes ", bytes));
  }
  return absl::OkStatus();
}

}  // namespace

int64_t TensorEntry::elements() const {
  int64_t product = 1;
  for (const int64_t extent : shape) product *= extent;
  return product;
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::Open(
    const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor descriptor,
                          FileDescriptor::OpenForReading(path));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, descriptor.SizeBytes(path));
  std::unique_ptr<SafetensorsFile> file(
      new SafetensorsFile(path, std::move(descriptor), {}));
  ATTUNE_RETURN_IF_ERROR(file->ReadHeader(size));
  return file;
}

absl::StatusOr<std::unique_ptr<SafetensorsFile>> SafetensorsFile::OpenBytes(
    const std::string& name, std::string_view bytes) {
  std::unique_ptr<SafetensorsFile> file(
      new SafetensorsFile(name, FileDescriptor(), bytes));
  ATTUNE_RETURN_IF_ERROR(file->ReadHeader(static_cast<int64_t>(bytes.size())));
  return file;
}

absl::Status SafetensorsFile::ReadHeader(int64_t size) {
  uint64_t header_bytes = 0;
  if (size < 8) {
    return absl::DataLossError(StrCat(
        path_, ": is no safetensors file: it has only ", size, " bytes"));
  }
  char length[8];
  ATTUNE_RETURN_IF_ERROR(ReadBytes(0, length));
  std::memcpy(&header_bytes, length, sizeof(length));
  if (header_bytes > kMaxHeaderBytes ||
      header_bytes > static_cast<uint64_t>(size - 8)) {
    return absl::DataLossError(
        StrCat(path_, ": is no safetensors file or is truncated: a header of ",
               header_bytes, " bytes in a file of ", size));
  }
  std::string header(header_bytes, '\0');
  ATTUNE_RETURN_IF_ERROR(ReadBytes(8, header));
  return ParseHeader(header, 8 + static_cast<int64_t>(header_bytes), size);
}

absl::Status SafetensorsFile::ParseHeader(const std::string& header,
                                          int64_t data_begin,
                                          int64_t file_size) {
  absl::StatusOr<Json> json = ParseJson(header, path_);
  if (!json.ok()) {
    return absl::DataLossError(json.status().message());
  }
  if (!json->is_object()) {
    return absl::DataLossError(StrCat(path_, ": the header is no object"));
  }
  for (const auto& item : json->items()) {
    if (item.key() == "__metadata__") {
      for (const auto& entry : item.value().items()) {
        if (!item.value().is_object() || !entry.value().is_string()) {
          return absl::DataLossError(
              StrCat(path_, ": __metadata__ holds something else than text"));
        }
        metadata_[entry.key()] = entry.value().get<std::string>();
      }
      continue;
    }
    TensorEntry entry;
    entry.name = item.key();
    absl::Status parsed =
        ParseEntry(item.value(), file_size - data_begin, &entry);
    if (!parsed.ok()) {
      return absl::DataLossError(StrCat(path_, ": tensor ", Excerpt(entry.name),
                                        ": ", ToStd(parsed.message())));
    }
    tensors_.push_back(std::move(entry));
  }
  std::sort(tensors_.begin(), tensors_.end(),
            [](const TensorEntry& a, const TensorEntry& b) {
              return std::tie(a.offset, a.size_bytes, a.name) <
                     std::tie(b.offset, b.size_bytes, b.name);
            });
  int64_t end = 0;
  for (size_t i = 0; i < tensors_.size(); ++i) {
    TensorEntry& entry = tensors_[i];
    if (entry.offset != end) {
      return absl::DataLossError(
          StrCat(path_, ": tensor ", Excerpt(entry.name), " begins at ",
                 entry.offset, ", but the one before it ends at ", end));
    }
    end = entry.offset + entry.size_bytes;
    entry.offset += data_begin;
    by_name_[entry.name] = i;
  }
  if (end != file_size - data_begin) {
    return absl::DataLossError(StrCat(path_, ": the tensors take ", end,
                                      " bytes, the file has ",
                                      file_size - data_begin));
  }
  return absl::OkStatus();
}

absl::Status SafetensorsFile::ReadBytes(int64_t offset,
                                        std::span<char> out) const {
  // The header was checked: what it names lies within the bytes.
  if (!file_.is_open()) {
    bytes_.copy(out.data(), out.size(), static_cast<size_t>(offset));
    return absl::OkStatus();
  }
  while (!out.empty()) {
    const ssize_t count = ::pread(file_.get(), out.data(), out.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoStatus(errno, path_);
    if (count == 0) {
      return absl::DataLossError(
          StrCat(path_, ": ends at byte ", offset, " while it is being read"));
    }
    offset += count;
    out = out.subspan(static_cast<size_t>(count));
  }
  return absl::OkStatus();
}

const TensorEntry* SafetensorsFile::Find(std::string_view name) const {
  const auto place = by_name_.find(name);
  return place == by_name_.end() ? nullptr : &tensors_[place->second];
}

absl::Status SafetensorsFile::Read(std::string_view name,
                                   std::span<const int64_t> shape,
                                   std::span<float> out) const {
  const TensorEntry* entry = Find(name);
  if (entry == nullptr) {
    return absl::NotFoundError(
        StrCat(path_, ": there is no tensor ", Excerpt(name)));
  }
  if (!std::equal(shape.begin(), shape.end(), entry->shape.begin(),
                  entry->shape.end())) {
    return absl::InvalidArgumentError(StrCat(
        path_, ": tensor ", Excerpt(name), " has shape ",
        ShapeText(entry->shape), ", ", ShapeText(shape), " is expected"));
  }
  if (static_cast<int64_t>(out.size()) != entry->elements()) {
    return absl::InvalidArgumentError(
        StrCat(path_, ": tensor ", Excerpt(name), " has ", entry->elements(),
               " numbers, the caller's array ", out.size()));
  }
  if (entry->dtype == "F32") {
    return ReadBytes(entry->offset, {reinterpret_cast<char*>(out.data()),
                                     out.size() * sizeof(float)});
  }
  if (entry->dtype != "BF16" && entry->dtype != "F16") {
    return absl::InvalidArgumentError(StrCat(path_, ": tensor ", Excerpt(name),
                                             " has dtype ", entry->dtype,
                                             "; F32, BF16 or F16 is expected"));
  }
  constexpr size_t kChunk = size_t{64} << 10;
  std::vector<uint16_t> chunk(std::min(kChunk, out.size()));
  const bool brain = entry->dtype == "BF16";
  for (size_t begin = 0; begin < out.size(); begin += chunk.size()) {
    const size_t count = std::min(chunk.size(), out.size() - begin);
    ATTUNE_RETURN_IF_ERROR(ReadBytes(
        entry->offset + static_cast<int64_t>(begin * sizeof(uint16_t)),
        {reinterpret_cast<char*>(chunk.data()), count * sizeof(uint16_t)}));
    for (size_t i = 0; i < count; ++i) {
      out[begin + i] = brain ? Bf16ToFloat(chunk[i]) : Fp16ToFloat(chunk[i]);
    }
  }
  return absl::OkStatus();
}

}  // namespace attune
