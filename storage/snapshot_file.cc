#include "storage/snapshot_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/text_check.h"

namespace attune::storage {
namespace {

std::string_view NameOf(const SnapshotSection& section) {
  const std::string_view name(section.name.data(), section.name.size());
  return name.substr(0, name.find('\0'));
}

absl::Status IsNone(const std::string& path, const SnapshotKind& kind) {
  return absl::InvalidArgumentError(StrCat("\"", path, "\" ", kind.is_none));
}

}  // namespace

SnapshotFile::SnapshotFile(std::string path, const SnapshotKind& kind,
                           const char* data, size_t size)
    : path_(std::move(path)),
      kind_(kind),
      name_(StrCat(kind.noun, " \"", path_, "\"")),
      data_(data),
      size_(size) {}

SnapshotFile::~SnapshotFile() {
  ::munmap(const_cast<char*>(data_), size_);  // NOLINT: as it was mapped
}

absl::StatusOr<std::unique_ptr<SnapshotFile>> SnapshotFile::Open(
    const std::string& path, const SnapshotKind& kind) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return absl::ErrnoToStatus(errno, StrCat("cannot open ", path));
  struct stat info = {};
  const bool known = ::fstat(fd, &info) == 0;
  const size_t size = known ? static_cast<size_t>(info.st_size) : 0;
  if (!S_ISREG(info.st_mode) || size < sizeof(SnapshotHeader)) {
    ::close(fd);
    return IsNone(path, kind);
  }
  void* const data = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const int error_number = errno;
  ::close(fd);
  if (data == MAP_FAILED) {
    return absl::ErrnoToStatus(error_number, StrCat("cannot map ", path));
  }
  auto file = absl::WrapUnique(
      new SnapshotFile(path, kind, static_cast<const char*>(data), size));
  ATTUNE_RETURN_IF_ERROR(file->ReadHeader());
  return file;
}

absl::Status SnapshotFile::Damaged(std::string_view what) const {
  return absl::DataLossError(
      StrCat(name_, " is damaged: ", what, "; make or copy it again"));
}

absl::Status SnapshotFile::ReadHeader() {
  SnapshotHeader header;
  std::memcpy(&header, data_, sizeof(header));
  if (std::string_view(header.magic.data(), header.magic.size()) !=
      kind_.magic) {
    return IsNone(path_, kind_);
  }
  if (header.version > kSnapshotVersion) {
    return absl::FailedPreconditionError(StrCat(
        name_, " has version ", header.version, ", this build reads up to ",
        kSnapshotVersion, ": upgrade Attune"));
  }
  const uint64_t hash = std::exchange(header.hash, 0);
  if (XXH3_64bits(&header, sizeof(header)) != hash || header.version < 1 ||
      header.sections > kSnapshotMaxSections) {
    return Damaged("its header is not what was written");
  }
  if (header.file_bytes != size_) {
    return Damaged(StrCat("it has ", size_, " bytes, its header says ",
                          header.file_bytes));
  }
  for (size_t i = 0; i < header.sections; ++i) {
    const SnapshotSection& entry = header.table[i];
    const uint64_t begins = SnapshotBeginsOffset(entry.rows_bytes);
    // Each by itself first, so that no sum overflows.
    if (entry.offset % kSnapshotAlignment != 0 || entry.offset > size_ ||
        entry.rows_bytes > size_ || entry.rows >= size_ / sizeof(uint64_t) ||
        entry.offset + begins + (entry.rows + 1) * sizeof(uint64_t) > size_) {
      return Damaged(StrCat("section ", i, " does not lie within the file"));
    }
    const char* const rows = data_ + entry.offset;
    Section section;
    section.rows = rows;
    section.rows_bytes = entry.rows_bytes;
    section.begins = {reinterpret_cast<const uint64_t*>(rows + begins),
                      entry.rows + 1};
    section.hash = entry.hash;
    const std::string_view name = NameOf(entry);
    if (name == kSnapshotFiles) {
      section.name = kSnapshotFiles;
      files_ = section;
    }
    for (size_t family = 0; family < kFamilyCount; ++family) {
      if (name != kFamilyNames[family]) continue;
      section.name = kFamilyNames[family];
      families_[family] = section;
    }
  }
  return absl::OkStatus();
}

absl::Status SnapshotFile::ReadRow(const Section& section, uint64_t index,
                                   Row& row) const {
  const uint64_t begin = section.begins[index];
  const uint64_t end = section.begins[index + 1];
  if (begin > end || end > section.rows_bytes ||
      end - begin < SnapshotRowHead::kBytes) {
    return Damaged(
        StrCat("row ", index, " of ", section.name, " does not lie within it"));
  }
  const char* const at = section.rows + begin;
  uint32_t key_bytes = 0;
  std::memcpy(&row.hash, at, sizeof(row.hash));
  std::memcpy(&key_bytes, at + sizeof(row.hash), sizeof(key_bytes));
  row.hashed = {at + sizeof(row.hash), end - begin - sizeof(row.hash)};
  const std::string_view rest = row.hashed.substr(sizeof(key_bytes));
  if (key_bytes > rest.size()) {
    return Damaged(StrCat("the key of row ", index, " of ", section.name,
                          " does not lie within the row"));
  }
  row.key = rest.substr(0, key_bytes);
  row.value = rest.substr(key_bytes);
  return absl::OkStatus();
}

absl::Status SnapshotFile::CheckRow(const Section& section,
                                    const Row& row) const {
  if (XXH3_64bits(row.hashed.data(), row.hashed.size()) == row.hash) {
    return absl::OkStatus();
  }
  return Damaged(StrCat("row ", QuoteId(row.key), " of ", section.name,
                        " is not what was written"));
}

absl::StatusOr<uint64_t> SnapshotFile::LowerBound(const Section& section,
                                                  std::string_view key) const {
  uint64_t low = 0;
  uint64_t high = section.count();
  Row row;
  while (low < high) {
    const uint64_t middle = low + (high - low) / 2;
    ATTUNE_RETURN_IF_ERROR(ReadRow(section, middle, row));
    if (row.key < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

absl::StatusOr<std::optional<std::string_view>> SnapshotFile::Find(
    const Section& section, std::string_view key) const {
  ATTUNE_ASSIGN_OR_RETURN(const uint64_t place, LowerBound(section, key));
  if (place == section.count()) return std::nullopt;
  Row row;
  ATTUNE_RETURN_IF_ERROR(ReadRow(section, place, row));
  if (row.key != key) return std::nullopt;
  ATTUNE_RETURN_IF_ERROR(CheckRow(section, row));
  return row.value;
}

absl::Status SnapshotFile::CheckHas(Family family) const {
  if (section(family).present() ||
      (family != Family::kUsers && family != Family::kEvents &&
       family != Family::kHistories)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      StrCat(name_,
             " was made without histories: give each user's history with the "
             "request, or make it with --histories"));
}

absl::Status SnapshotFile::Get(Family family, std::string_view key,
                               std::string& value) const {
  // Who brings a history may well have no record here.
  if (family != Family::kUsers) ATTUNE_RETURN_IF_ERROR(CheckHas(family));
  ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string_view> found,
                          Find(section(family), key));
  if (!found.has_value()) return absl::NotFoundError(name_);
  value = *found;
  return absl::OkStatus();
}

absl::Status SnapshotFile::MultiGet(
    Family family, std::span<const std::string_view> keys,
    absl::FunctionRef<absl::Status(size_t, std::string_view)> found) const {
  for (size_t i = 0; i < keys.size(); ++i) {
    ATTUNE_ASSIGN_OR_RETURN(const std::optional<std::string_view> value,
                            Find(section(family), keys[i]));
    if (value.has_value()) ATTUNE_RETURN_IF_ERROR(found(i, *value));
  }
  return absl::OkStatus();
}

absl::Status SnapshotFile::Scan(
    Family family, std::string_view begin, std::string_view end,
    absl::FunctionRef<absl::Status(std::string_view, std::string_view)> fn)
    const {
  ATTUNE_RETURN_IF_ERROR(CheckHas(family));
  const Section& rows = section(family);
  ATTUNE_ASSIGN_OR_RETURN(uint64_t place, LowerBound(rows, begin));
  Row row;
  for (; place < rows.count(); ++place) {
    ATTUNE_RETURN_IF_ERROR(ReadRow(rows, place, row));
    if (!end.empty() && row.key >= end) break;
    ATTUNE_RETURN_IF_ERROR(CheckRow(rows, row));
    ATTUNE_RETURN_IF_ERROR(fn(row.key, row.value));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string_view>> SnapshotFile::PackedFile(
    std::string_view file_name) const {
  return Find(files_, file_name);
}

void SnapshotFile::AddStatistics(Statistics& statistics) const {
  for (size_t i = 0; i < kFamilyCount; ++i) {
    const Section& section = families_[i];
    if (!section.present()) continue;
    statistics.column_families.push_back(
        {.name = kFamilyNames[i],
         .sst_bytes = static_cast<int64_t>(section.rows_bytes +
                                           section.begins.size_bytes()),
         .estimated_keys = static_cast<int64_t>(section.count())});
  }
}

absl::Status SnapshotFile::Check() const {
  std::vector<Section> sections(families_.begin(), families_.end());
  sections.push_back(files_);
  for (const Section& section : sections) {
    if (!section.present()) continue;
    const uint64_t bytes =
        SnapshotBeginsOffset(section.rows_bytes) + section.begins.size_bytes();
    if (XXH3_64bits(section.rows, bytes) != section.hash) {
      return Damaged(
          StrCat("section ", section.name, " is not what was written"));
    }
    // A file that was written wrong has the right hash.
    Row row;
    std::string_view before;
    for (uint64_t i = 0; i < section.count(); ++i) {
      ATTUNE_RETURN_IF_ERROR(ReadRow(section, i, row));
      ATTUNE_RETURN_IF_ERROR(CheckRow(section, row));
      if (i > 0 && row.key <= before) {
        return Damaged(StrCat("section ", section.name, " is not sorted"));
      }
      before = row.key;
    }
  }
  return absl::OkStatus();
}

}  // namespace attune::storage
