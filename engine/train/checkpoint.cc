#include "engine/train/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

static_assert(std::endian::native == std::endian::little,
              "checkpoints are written as they lie in memory");

constexpr std::string_view kMagic = "ATTNCKPT";
constexpr size_t kAlignment = 64;

size_t Aligned(size_t offset) {
  return (offset + kAlignment - 1) / kAlignment * kAlignment;
}

template <typename T>
void AppendNumber(T value, std::string* out) {
  out->append(reinterpret_cast<const char*>(&value), sizeof(value));
}

uint64_t Hash(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

// Takes numbers and texts off the front of the header; false at its end.
class HeaderReader {
 public:
  explicit HeaderReader(std::string_view content) : content_(content) {}
  template <typename T>
  bool Number(T* value) {
    if (content_.size() - position_ < sizeof(T)) return false;
    std::memcpy(value, content_.data() + position_, sizeof(T));
    position_ += sizeof(T);
    return true;
  }
  bool Text(size_t size, std::string_view* text) {
    if (content_.size() - position_ < size) return false;
    *text = content_.substr(position_, size);
    position_ += size;
    return true;
  }
  size_t position() const { return position_; }

 private:
  std::string_view content_;
  size_t position_ = 0;
};

// Not named after the process, unlike TemporaryPathFor: what a killed process
// left is overwritten by the next save instead of piling up.
std::string TemporaryPath(const std::string& path) { return path + ".tmp"; }

absl::Status WithPath(const std::string& path, const absl::Status& status) {
  return absl::Status(status.code(),
                      StrCat(path, ": ", ToStd(status.message())));
}

}  // namespace

void CheckpointWriter::Add(std::string_view name, std::string_view bytes) {
  blobs_.push_back({std::string(name), bytes});
}

void CheckpointWriter::Add(std::string_view name,
                           std::span<const float> floats) {
  Add(name, std::string_view(reinterpret_cast<const char*>(floats.data()),
                             floats.size_bytes()));
}

absl::Status CheckpointWriter::Save(const std::string& path) const {
  size_t header_size = kMagic.size() + 2 * sizeof(uint32_t) + sizeof(uint64_t);
  for (size_t i = 0; i < blobs_.size(); ++i) {
    header_size +=
        sizeof(uint32_t) + blobs_[i].name.size() + 3 * sizeof(uint64_t);
    for (size_t j = 0; j < i; ++j) {
      if (blobs_[i].name == blobs_[j].name) {
        return absl::InvalidArgumentError(
            StrCat(path, ": blob \"", blobs_[i].name, "\" was added twice"));
      }
    }
  }
  std::string header(kMagic);
  AppendNumber(Checkpoint::kVersion, &header);
  AppendNumber(static_cast<uint32_t>(blobs_.size()), &header);
  uint64_t offset = Aligned(header_size);
  for (const Blob& blob : blobs_) {
    AppendNumber(static_cast<uint32_t>(blob.name.size()), &header);
    header += blob.name;
    AppendNumber(offset, &header);
    AppendNumber(static_cast<uint64_t>(blob.bytes.size()), &header);
    AppendNumber(Hash(blob.bytes), &header);
    offset = Aligned(offset + blob.bytes.size());
  }
  AppendNumber(Hash(header), &header);

  const std::string temporary = TemporaryPath(path);
  const auto write = [&]() -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(
        FileDescriptor file,
        FileDescriptor::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC));
    ATTUNE_RETURN_IF_ERROR(file.WriteAll(header));
    size_t written = header.size();
    for (const Blob& blob : blobs_) {
      ATTUNE_RETURN_IF_ERROR(
          file.WriteAll(std::string(Aligned(written) - written, '\0')));
      ATTUNE_RETURN_IF_ERROR(file.WriteAll(blob.bytes));
      written = Aligned(written) + blob.bytes.size();
    }
    ATTUNE_RETURN_IF_ERROR(file.Sync());
    ATTUNE_RETURN_IF_ERROR(file.Close());
    if (std::rename(temporary.c_str(), path.c_str()) != 0) {
      return ErrnoStatus(errno, "cannot rename");
    }
    return absl::OkStatus();
  };
  if (const absl::Status status = write(); !status.ok()) {
    ::unlink(temporary.c_str());
    return WithPath(path, status);
  }
  return SyncDirectory(ParentDirectory(path));
}

absl::StatusOr<Checkpoint> Checkpoint::Load(const std::string& path) {
  Checkpoint checkpoint;
  ATTUNE_ASSIGN_OR_RETURN(
      checkpoint.content_,
      ReadTextFile(path, std::numeric_limits<size_t>::max()));
  ATTUNE_RETURN_IF_ERROR(checkpoint.Parse(path));
  return checkpoint;
}

absl::Status Checkpoint::Parse(const std::string& path) {
  const auto damaged = [&](std::string_view what) {
    return absl::DataLossError(StrCat(path, ": ", what));
  };
  const std::string_view content = content_;
  if (!content.starts_with(kMagic)) {
    return damaged("is no checkpoint, or damaged at its begin");
  }
  HeaderReader reader(content);
  std::string_view magic;
  uint32_t version = 0, count = 0;
  if (!reader.Text(kMagic.size(), &magic) || !reader.Number(&version)) {
    return damaged("checkpoint is truncated in its header");
  }
  if (version > kVersion) {
    return absl::FailedPreconditionError(
        StrCat(path, ": checkpoint of version ", version,
               ", this program reads up to ", kVersion));
  }
  if (!reader.Number(&count)) {
    return damaged("checkpoint is truncated in its header");
  }
  struct Entry {
    std::string_view name;
    uint64_t offset = 0, size = 0, hash = 0;
  };
  std::vector<Entry> entries;
  for (uint32_t i = 0; i < count; ++i) {
    Entry entry;
    uint32_t name_size = 0;
    if (!reader.Number(&name_size) || !reader.Text(name_size, &entry.name) ||
        !reader.Number(&entry.offset) || !reader.Number(&entry.size) ||
        !reader.Number(&entry.hash)) {
      return damaged("checkpoint is truncated in its header");
    }
    entries.push_back(entry);
  }
  const size_t header_size = reader.position();
  uint64_t header_hash = 0;
  if (!reader.Number(&header_hash)) {
    return damaged("checkpoint is truncated in its header");
  }
  if (header_hash != Hash(content.substr(0, header_size))) {
    return damaged("checkpoint header is damaged (checksum differs)");
  }
  uint64_t end = header_size + sizeof(header_hash);
  for (const Entry& entry : entries) {
    if (entry.offset > content.size() ||
        entry.size > content.size() - entry.offset) {
      return damaged(StrCat("checkpoint is truncated: blob \"", entry.name,
                            "\" ends at byte ", entry.offset + entry.size,
                            ", the file has ", content.size()));
    }
    const std::string_view bytes = content.substr(entry.offset, entry.size);
    if (Hash(bytes) != entry.hash) {
      return damaged(StrCat("checkpoint blob \"", entry.name,
                            "\" is damaged (checksum differs)"));
    }
    blobs_.emplace(entry.name, Extent{entry.offset, entry.size});
    end = entry.offset + entry.size;
  }
  if (end != content.size()) {
    return damaged(StrCat("checkpoint ends at byte ", end, ", the file has ",
                          content.size()));
  }
  return absl::OkStatus();
}

bool Checkpoint::Contains(std::string_view name) const {
  return blobs_.find(name) != blobs_.end();
}

absl::StatusOr<std::string_view> Checkpoint::Bytes(
    std::string_view name) const {
  const auto found = blobs_.find(name);
  if (found == blobs_.end()) {
    return absl::NotFoundError(
        StrCat("the checkpoint has no blob \"", name, "\""));
  }
  return std::string_view(content_).substr(found->second.offset,
                                           found->second.size);
}

absl::Status Checkpoint::ReadFloats(std::string_view name,
                                    std::span<float> floats) const {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(name));
  if (bytes.size() != floats.size_bytes()) {
    return absl::InvalidArgumentError(
        StrCat("checkpoint blob \"", name, "\" has ", bytes.size(),
               " bytes, expected ", floats.size_bytes(), " (", floats.size(),
               " floats)"));
  }
  if (!bytes.empty()) std::memcpy(floats.data(), bytes.data(), bytes.size());
  return absl::OkStatus();
}

absl::StatusOr<std::vector<float>> Checkpoint::Floats(
    std::string_view name) const {
  ATTUNE_ASSIGN_OR_RETURN(const std::string_view bytes, Bytes(name));
  std::vector<float> floats(bytes.size() / sizeof(float));
  ATTUNE_RETURN_IF_ERROR(ReadFloats(name, floats));
  return floats;
}

}  // namespace attune
