#include "storage/snapshot_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"

namespace attune::storage {
namespace {

constexpr size_t kBufferBytes = size_t{1} << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<SnapshotWriter>> SnapshotWriter::Create(
    const std::string& path, const SnapshotKind& kind) {
  struct stat info = {};
  if (::stat(path.c_str(), &info) == 0 && !S_ISREG(info.st_mode)) {
    return absl::AlreadyExistsError(
        StrCat("cannot write ", path, ": it is there and is no file"));
  }
  std::string temporary = TemporaryPathFor(path);
  const int fd =
      ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return absl::ErrnoToStatus(errno, StrCat("cannot write ", path));
  auto writer = absl::WrapUnique(
      new SnapshotWriter(path, std::move(temporary), fd, kind));
  ATTUNE_RETURN_IF_ERROR(writer->Append(RawBytes(SnapshotHeader())));
  return writer;
}

SnapshotWriter::SnapshotWriter(std::string path, std::string temporary, int fd,
                               const SnapshotKind& kind)
    : path_(std::move(path)),
      temporary_(std::move(temporary)),
      kind_(kind),
      fd_(fd),
      hash_(NewHashState()) {}

SnapshotWriter::~SnapshotWriter() {
  if (fd_ >= 0) ::close(fd_);
  if (!finished_) ::unlink(temporary_.c_str());
}

absl::Status SnapshotWriter::Fail(int error_number) const {
  return absl::ErrnoToStatus(error_number, StrCat("cannot write ", path_));
}

absl::Status SnapshotWriter::WriteOut() {
  std::string_view rest = buffer_;
  while (!rest.empty()) {
    const ssize_t count = ::write(fd_, rest.data(), rest.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Fail(errno);
    rest.remove_prefix(static_cast<size_t>(count));
  }
  written_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

absl::Status SnapshotWriter::Append(std::string_view bytes) {
  if (header_.sections > 0) {
    XXH3_64bits_update(hash_.get(), bytes.data(), bytes.size());
  }
  buffer_.append(bytes);
  return buffer_.size() < kBufferBytes ? absl::OkStatus() : WriteOut();
}

absl::Status SnapshotWriter::Align(size_t alignment) {
  const std::string zeros((alignment - position() % alignment) % alignment,
                          '\0');
  return Append(zeros);
}

absl::Status SnapshotWriter::BeginSection(std::string_view name) {
  ATTUNE_RETURN_IF_ERROR(EndSection());
  ATTUNE_RETURN_IF_ERROR(Align(kSnapshotAlignment));
  SnapshotSection& section = header_.table[header_.sections];
  if (header_.sections == kSnapshotMaxSections ||
      name.size() >= section.name.size()) {
    return absl::InternalError(StrCat("no room for the section ", name));
  }
  ++header_.sections;
  std::copy(name.begin(), name.end(), section.name.begin());
  section.offset = position();
  begins_.assign(1, 0);
  last_key_.clear();
  XXH3_64bits_reset(hash_.get());
  return absl::OkStatus();
}

absl::Status SnapshotWriter::Add(std::string_view key, std::string_view value) {
  if (begins_.size() > 1 && key <= last_key_) {
    return absl::InternalError(
        StrCat("cannot write ", path_, ": its rows are not in order"));
  }
  last_key_ = key;
  const uint32_t key_bytes = static_cast<uint32_t>(key.size());
  row_.assign(RawBytes(key_bytes)).append(key).append(value);
  const uint64_t hash = XXH3_64bits(row_.data(), row_.size());
  ATTUNE_RETURN_IF_ERROR(Append(RawBytes(hash)));
  ATTUNE_RETURN_IF_ERROR(Append(row_));
  begins_.push_back(position() - header_.table[header_.sections - 1].offset);
  return absl::OkStatus();
}

absl::Status SnapshotWriter::EndSection() {
  if (header_.sections == 0) return absl::OkStatus();
  SnapshotSection& section = header_.table[header_.sections - 1];
  section.rows = begins_.size() - 1;
  section.rows_bytes = begins_.back();
  ATTUNE_RETURN_IF_ERROR(Align(sizeof(uint64_t)));
  ATTUNE_RETURN_IF_ERROR(Append({reinterpret_cast<const char*>(begins_.data()),
                                 begins_.size() * sizeof(uint64_t)}));
  section.hash = XXH3_64bits_digest(hash_.get());
  return absl::OkStatus();
}

absl::StatusOr<int64_t> SnapshotWriter::Finish() {
  ATTUNE_RETURN_IF_ERROR(EndSection());
  ATTUNE_RETURN_IF_ERROR(WriteOut());
  std::copy(kind_.magic.begin(), kind_.magic.end(), header_.magic.begin());
  header_.version = kSnapshotVersion;
  header_.file_bytes = written_;
  header_.hash = 0;
  header_.hash = XXH3_64bits(&header_, sizeof(header_));
  const std::string header(RawBytes(header_));
  // The rows are on the disk before the header says that they are.
  if (::fsync(fd_) != 0) return Fail(errno);
  if (::pwrite(fd_, header.data(), header.size(), 0) !=
      static_cast<ssize_t>(header.size())) {
    return Fail(errno);
  }
  if (::fsync(fd_) != 0) return Fail(errno);
  if (::close(std::exchange(fd_, -1)) != 0) return Fail(errno);
  if (std::rename(temporary_.c_str(), path_.c_str()) != 0) return Fail(errno);
  finished_ = true;
  const int folder = ::open(ParentDirectory(path_).c_str(),
                            O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder >= 0) {
    const int synced = ::fsync(folder);
    const int error_number = errno;
    ::close(folder);
    if (synced != 0) return Fail(error_number);
  }
  return static_cast<int64_t>(header_.file_bytes);
}

}  // namespace attune::storage
