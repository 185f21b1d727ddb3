#include "engine/io/line_source.h"

#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"

namespace attune {
namespace {

constexpr size_t kReadBytes = size_t{256} << 10;
constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";

}  // namespace

absl::Status RowError(std::string_view path, int64_t line,
                      std::string_view message) {
  return absl::InvalidArgumentError(StrCat(path, ":", line, ": ", message));
}

absl::StatusOr<std::unique_ptr<LineSource>> LineSource::Open(
    const std::string& path, size_t max_line_bytes) {
  ATTUNE_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> bytes,
                          ByteSource::Open(path));
  return std::unique_ptr<LineSource>(
      new LineSource(path, std::move(bytes), max_line_bytes));
}

LineSource::LineSource(std::string path, std::unique_ptr<ByteSource> bytes,
                       size_t max_line_bytes)
    : path_(std::move(path)),
      bytes_(std::move(bytes)),
      max_line_bytes_(max_line_bytes),
      buffer_(kReadBytes + kPaddingBytes) {}

absl::Status LineSource::Fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  // Room for a whole read, so that few lines have to be moved.
  if (buffer_.size() - kPaddingBytes - end_ < kReadBytes / 2) {
    buffer_.resize(end_ + kReadBytes + kPaddingBytes);
  }
  absl::StatusOr<size_t> count = bytes_->Read(
      {buffer_.data() + end_, buffer_.size() - kPaddingBytes - end_});
  if (!count.ok()) {
    return absl::Status(
        count.status().code(),
        StrCat(path_, ":", position_.line + 1, ": ", count.status().message()));
  }
  end_ += *count;
  at_end_ = *count == 0;
  return absl::OkStatus();
}

absl::Status LineSource::CheckStart() {
  at_start_ = false;
  while (!at_end_ && end_ - begin_ < kByteOrderMark.size()) {
    ATTUNE_RETURN_IF_ERROR(Fill());
  }
  const std::string_view start(buffer_.data() + begin_, end_ - begin_);
  if (start.starts_with(kByteOrderMark)) {
    begin_ += kByteOrderMark.size();
    position_.offset += static_cast<int64_t>(kByteOrderMark.size());
  } else if (start.starts_with("\xff\xfe") || start.starts_with("\xfe\xff")) {
    return absl::DataLossError(
        StrCat(path_, ":1: is UTF-16; convert it to UTF-8"));
  }
  return absl::OkStatus();
}

absl::Status LineSource::SkipRestOfLine() {
  while (true) {
    const char* start = buffer_.data() + begin_;
    const void* feed = std::memchr(start, '\n', end_ - begin_);
    const size_t taken = feed != nullptr
                             ? static_cast<const char*>(feed) - start + 1
                             : end_ - begin_;
    begin_ += taken;
    position_.offset += static_cast<int64_t>(taken);
    if (feed != nullptr || at_end_) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(Fill());
  }
}

absl::StatusOr<bool> LineSource::Next(std::string_view* line) {
  if (at_start_) ATTUNE_RETURN_IF_ERROR(CheckStart());
  size_t searched = 0;
  while (true) {
    const size_t available = end_ - begin_;
    const char* start = buffer_.data() + begin_;
    const void* feed =
        available > searched
            ? std::memchr(start + searched, '\n', available - searched)
            : nullptr;
    searched = available;
    const size_t length =
        feed != nullptr ? static_cast<const char*>(feed) - start : available;
    if (length > max_line_bytes_) {
      ATTUNE_RETURN_IF_ERROR(SkipRestOfLine());
      ++position_.line;
      return RowError(
          path_, position_.line,
          StrCat("line is longer than ", max_line_bytes_, " bytes"));
    }
    if (feed == nullptr && !at_end_) {
      ATTUNE_RETURN_IF_ERROR(Fill());
      continue;
    }
    if (feed == nullptr && length == 0) return false;
    const size_t taken = length + (feed != nullptr ? 1 : 0);
    *line = std::string_view(start, length);
    if (line->ends_with('\r')) line->remove_suffix(1);
    begin_ += taken;
    position_.offset += static_cast<int64_t>(taken);
    ++position_.line;
    return true;
  }
}

absl::Status LineSource::SkipTo(LinePosition position) {
  if (position.offset == 0) return absl::OkStatus();
  absl::Status skipped = bytes_->SkipTo(position.offset);
  if (!skipped.ok()) {
    return absl::Status(skipped.code(), StrCat(path_, ": ", skipped.message()));
  }
  position_ = position;
  at_start_ = false;
  return absl::OkStatus();
}

}  // namespace attune
