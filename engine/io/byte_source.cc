#include "engine/io/byte_source.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/file_descriptor.h"

namespace attune {
namespace {

constexpr size_t kCompressedChunkBytes = size_t{128} << 10;

class PlainSource final : public ByteSource {
 public:
  PlainSource(FileDescriptor file, int64_t size)
      : file_(std::move(file)), size_(size) {}

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    ATTUNE_ASSIGN_OR_RETURN(const size_t count, file_.Read(buffer));
    position_ += static_cast<int64_t>(count);
    return count;
  }

  absl::Status SkipTo(int64_t offset) override {
    if (offset > size_) {
      return absl::OutOfRangeError(
          StrCat("cannot continue at byte ", offset, ": the file has ", size_));
    }
    if (::lseek(file_.get(), offset, SEEK_SET) != offset) {
      return ErrnoStatus(errno, "cannot seek");
    }
    position_ = offset;
    return absl::OkStatus();
  }

  int64_t file_position() const override { return position_; }
  int64_t file_size() const override { return size_; }

 private:
  FileDescriptor file_;
  int64_t size_;
  int64_t position_ = 0;
};

// inflate() itself rather than gzread(): gzread() returns the data before a
// truncation as if nothing had happened and passes non-gzip files through.
class GzipSource final : public ByteSource {
 public:
  GzipSource(FileDescriptor file, int64_t size)
      : file_(std::move(file)), size_(size), input_(kCompressedChunkBytes) {}

  ~GzipSource() override {
    if (initialized_) inflateEnd(&stream_);
  }
  GzipSource(const GzipSource&) = delete;
  GzipSource& operator=(const GzipSource&) = delete;

  absl::Status Init() {
    // 15 = the largest window, +16 = gzip header and checksum.
    if (inflateInit2(&stream_, 15 + 16) != Z_OK) {
      return absl::ResourceExhaustedError("no memory to decompress");
    }
    initialized_ = true;
    return absl::OkStatus();
  }

  absl::StatusOr<size_t> Read(std::span<char> buffer) override {
    stream_.next_out = reinterpret_cast<Bytef*>(buffer.data());
    stream_.avail_out =
        static_cast<uInt>(std::min<size_t>(buffer.size(), size_t{1} << 30));
    const uInt wanted = stream_.avail_out;
    while (stream_.avail_out == wanted && !ended_) {
      if (stream_.avail_in == 0) {
        ATTUNE_ASSIGN_OR_RETURN(const size_t count, file_.Read(input_));
        position_ += static_cast<int64_t>(count);
        stream_.next_in = reinterpret_cast<Bytef*>(input_.data());
        stream_.avail_in = static_cast<uInt>(count);
        if (count == 0) {
          if (between_members_) {
            ended_ = true;
            break;
          }
          return absl::DataLossError(
              StrCat("gzip data is truncated: the file ends after ", position_,
                     " bytes in the middle of the stream"));
        }
      }
      if (between_members_) {
        // gzip allows more members, and zeros as padding, behind the first.
        if (*stream_.next_in == 0) {
          ++stream_.next_in;
          --stream_.avail_in;
          continue;
        }
        inflateReset(&stream_);
        between_members_ = false;
      }
      const int code = inflate(&stream_, Z_NO_FLUSH);
      if (code == Z_STREAM_END) {
        between_members_ = true;
      } else if (code != Z_OK && code != Z_BUF_ERROR) {
        return absl::DataLossError(StrCat(
            "gzip data is corrupt near byte ", position_ - stream_.avail_in,
            " of the file (",
            stream_.msg == nullptr ? "unknown error" : stream_.msg, ")"));
      }
    }
    return wanted - stream_.avail_out;
  }

  absl::Status SkipTo(int64_t offset) override {
    std::vector<char> dropped(kCompressedChunkBytes);
    int64_t done = 0;
    while (done < offset) {
      const size_t step =
          static_cast<size_t>(std::min<int64_t>(offset - done, dropped.size()));
      ATTUNE_ASSIGN_OR_RETURN(const size_t count,
                              Read(std::span(dropped).first(step)));
      if (count == 0) {
        return absl::OutOfRangeError(StrCat("cannot continue at byte ", offset,
                                            ": the decompressed file has ",
                                            done));
      }
      done += static_cast<int64_t>(count);
    }
    return absl::OkStatus();
  }

  int64_t file_position() const override {
    return position_ - stream_.avail_in;
  }
  int64_t file_size() const override { return size_; }

 private:
  FileDescriptor file_;
  int64_t size_;
  int64_t position_ = 0;
  std::vector<char> input_;
  z_stream stream_{};
  bool initialized_ = false;
  bool between_members_ = false;
  bool ended_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ByteSource>> ByteSource::Open(
    const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor file,
                          FileDescriptor::OpenForReading(path));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, file.SizeBytes(path));
  std::array<char, 2> magic{};
  const ssize_t count = ::pread(file.get(), magic.data(), magic.size(), 0);
  const bool is_gzip = count == 2 && magic[0] == '\x1f' && magic[1] == '\x8b';
  if (!is_gzip && path.ends_with(".gz")) {
    return absl::DataLossError(StrCat(path, ": ends in .gz but is not gzip",
                                      size == 0 ? " (the file is empty)" : ""));
  }
  if (!is_gzip) {
    return std::make_unique<PlainSource>(std::move(file), size);
  }
  auto source = std::make_unique<GzipSource>(std::move(file), size);
  ATTUNE_RETURN_IF_ERROR(source->Init());
  return source;
}

}  // namespace attune
