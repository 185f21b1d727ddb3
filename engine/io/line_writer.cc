#include "engine/io/line_writer.h"

#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

constexpr size_t kBufferBytes = size_t{256} << 10;

class FileLineWriter final : public LineWriter {
 public:
  FileLineWriter(std::string path, std::string temporary, FileDescriptor file)
      : path_(std::move(path)),
        temporary_(std::move(temporary)),
        file_(std::move(file)) {}

  ~FileLineWriter() override {
    if (gzip_) deflateEnd(&stream_);
    if (!closed_) ::unlink(temporary_.c_str());
  }
  FileLineWriter(const FileLineWriter&) = delete;
  FileLineWriter& operator=(const FileLineWriter&) = delete;

  absl::Status InitGzip() {
    // 15 + 16: largest window, gzip header. zlib writes no time into it.
    if (deflateInit2(&stream_, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
      return absl::ResourceExhaustedError("no memory to compress");
    }
    gzip_ = true;
    compressed_.resize(kBufferBytes);
    return absl::OkStatus();
  }

  absl::Status Write(std::string_view line) override {
    buffer_.append(line);
    buffer_.push_back('\n');
    return buffer_.size() < kBufferBytes ? absl::OkStatus()
                                         : Named(Flush(/*finish=*/false));
  }

  absl::Status Close() override {
    if (closed_) return absl::OkStatus();
    ATTUNE_RETURN_IF_ERROR(Named(Finish()));
    closed_ = true;
    return SyncDirectory(ParentDirectory(path_));
  }

 private:
  absl::Status Finish() {
    ATTUNE_RETURN_IF_ERROR(Flush(/*finish=*/true));
    ATTUNE_RETURN_IF_ERROR(file_.Sync());
    ATTUNE_RETURN_IF_ERROR(file_.Close());
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) {
      return ErrnoStatus(errno, "cannot rename");
    }
    return absl::OkStatus();
  }

  absl::Status Flush(bool finish) {
    if (!gzip_) {
      ATTUNE_RETURN_IF_ERROR(file_.WriteAll(buffer_));
      buffer_.clear();
      return absl::OkStatus();
    }
    stream_.next_in = reinterpret_cast<Bytef*>(buffer_.data());
    stream_.avail_in = static_cast<uInt>(buffer_.size());
    int code = Z_OK;
    do {
      stream_.next_out = reinterpret_cast<Bytef*>(compressed_.data());
      stream_.avail_out = static_cast<uInt>(compressed_.size());
      code = deflate(&stream_, finish ? Z_FINISH : Z_NO_FLUSH);
      if (code == Z_STREAM_ERROR) {
        return absl::InternalError("zlib's state is broken");
      }
      ATTUNE_RETURN_IF_ERROR(file_.WriteAll(
          {compressed_.data(), compressed_.size() - stream_.avail_out}));
    } while (stream_.avail_out == 0 || (finish && code != Z_STREAM_END));
    buffer_.clear();
    return absl::OkStatus();
  }

  absl::Status Named(absl::Status status) const {
    if (status.ok()) return status;
    return absl::Status(status.code(),
                        StrCat(path_, ": ", ToStd(status.message())));
  }

  const std::string path_;
  const std::string temporary_;
  FileDescriptor file_;
  std::string buffer_;
  std::vector<char> compressed_;
  z_stream stream_{};
  bool gzip_ = false;
  bool closed_ = false;
};

}  // namespace

absl::StatusOr<std::unique_ptr<LineWriter>> LineWriter::Create(
    const std::string& path) {
  std::string temporary = TemporaryPathFor(path);
  absl::StatusOr<FileDescriptor> file =
      FileDescriptor::Open(temporary, O_WRONLY | O_CREAT | O_TRUNC);
  if (!file.ok()) {
    return absl::Status(
        file.status().code(),
        StrCat(path, ": cannot write: ", ToStd(file.status().message())));
  }
  auto writer = std::make_unique<FileLineWriter>(path, std::move(temporary),
                                                 *std::move(file));
  if (path.ends_with(".gz")) ATTUNE_RETURN_IF_ERROR(writer->InitGzip());
  return writer;
}

void AppendTsvCell(std::string_view text, std::string* out) {
  for (const char c : text) {
    out->push_back(c == '\t' || c == '\n' || c == '\r' ? ' ' : c);
  }
}

}  // namespace attune
