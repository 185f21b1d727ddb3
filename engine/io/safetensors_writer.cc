#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/excerpt.h"
#include "engine/io/float_conversion.h"
#include "engine/io/safetensors.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

// Keeps the order of insertion, which is that of the bytes.
using OrderedJson = nlohmann::ordered_json;

absl::Status WriteBf16(std::span<const float> values, FileDescriptor* file) {
  constexpr size_t kChunk = size_t{64} << 10;
  std::vector<uint16_t> chunk;
  while (!values.empty()) {
    const size_t count = std::min(kChunk, values.size());
    chunk.resize(count);
    std::transform(values.begin(), values.begin() + count, chunk.begin(),
                   FloatToBf16);
    ATTUNE_RETURN_IF_ERROR(
        file->WriteAll({reinterpret_cast<const char*>(chunk.data()),
                        count * sizeof(uint16_t)}));
    values = values.subspan(count);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status SafetensorsWriter::Add(std::string name,
                                    std::vector<int64_t> shape,
                                    std::span<const float> values, Type type) {
  int64_t elements = 1;
  for (const int64_t extent : shape) elements *= extent;
  if (elements != static_cast<int64_t>(values.size())) {
    return absl::InvalidArgumentError(
        StrCat("tensor ", Excerpt(name), ": ", values.size(),
               " numbers for a shape of ", elements));
  }
  for (const Entry& entry : entries_) {
    if (entry.name == name) {
      return absl::InvalidArgumentError(
          StrCat("tensor ", Excerpt(name), ": is there twice"));
    }
  }
  entries_.push_back({std::move(name), std::move(shape), values, type});
  return absl::OkStatus();
}

absl::Status SafetensorsWriter::Write(const std::string& path) const {
  OrderedJson header = OrderedJson::object();
  if (!metadata_.empty()) header["__metadata__"] = metadata_;
  int64_t end = 0;
  for (const Entry& entry : entries_) {
    const bool f32 = entry.type == Type::kF32;
    const int64_t begin = end;
    end += static_cast<int64_t>(entry.values.size()) * (f32 ? 4 : 2);
    header[entry.name] = {{"dtype", f32 ? "F32" : "BF16"},
                          {"shape", entry.shape},
                          {"data_offsets", {begin, end}}};
  }
  std::string text =
      header.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
  // Spaces behind the header align the numbers, as the format allows.
  text.resize((text.size() + 7) / 8 * 8, ' ');
  uint64_t length = text.size();

  const std::string temporary = TemporaryPathFor(path);
  auto write = [&]() -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(
        FileDescriptor file,
        FileDescriptor::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    ATTUNE_RETURN_IF_ERROR(
        file.WriteAll({reinterpret_cast<const char*>(&length), 8}));
    ATTUNE_RETURN_IF_ERROR(file.WriteAll(text));
    for (const Entry& entry : entries_) {
      if (entry.type == Type::kF32) {
        ATTUNE_RETURN_IF_ERROR(
            file.WriteAll({reinterpret_cast<const char*>(entry.values.data()),
                           entry.values.size_bytes()}));
      } else {
        ATTUNE_RETURN_IF_ERROR(WriteBf16(entry.values, &file));
      }
    }
    ATTUNE_RETURN_IF_ERROR(file.Sync());
    ATTUNE_RETURN_IF_ERROR(file.Close());
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {
      return ErrnoStatus(errno, "cannot rename");
    }
    return SyncDirectory(ParentDirectory(path));
  };
  absl::Status written = write();
  if (written.ok()) return written;
  ::unlink(temporary.c_str());
  return absl::Status(written.code(),
                      StrCat(path, ": ", ToStd(written.message())));
}

}  // namespace attune
