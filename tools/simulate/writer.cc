#include "tools/simulate/writer.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "base/status_macros.h"

namespace attune::simulate {

// gzopen in mode "T" (transparent) writes plain bytes, so one path serves both
// kinds.
struct TextWriter::Impl {
  gzFile_s* file = nullptr;
  std::string path;
  std::string partial;
  std::string buffer;

  ~Impl() {
    if (file == nullptr) return;
    gzclose(file);
    std::error_code ignored;
    std::filesystem::remove(partial, ignored);
  }

  absl::Status Failure(std::string_view what, int error) const {
    return absl::ErrnoToStatus(error == 0 ? EIO : error,
                               fmt::format("{}: {}", partial, what));
  }

  absl::Status Flush() {
    size_t done = 0;
    while (done < buffer.size()) {
      errno = 0;
      const int written = gzwrite(file, buffer.data() + done,
                                  static_cast<unsigned>(buffer.size() - done));
      if (written <= 0) return Failure("cannot write", errno);
      done += static_cast<size_t>(written);
    }
    buffer.clear();
    return absl::OkStatus();
  }
};

TextWriter::TextWriter(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
TextWriter::TextWriter(TextWriter&&) noexcept = default;
TextWriter& TextWriter::operator=(TextWriter&&) noexcept = default;
TextWriter::~TextWriter() = default;

const std::string& TextWriter::path() const { return impl_->path; }

absl::StatusOr<TextWriter> TextWriter::Create(const std::string& path,
                                              bool gzip) {
  auto impl = std::make_unique<Impl>();
  impl->path = gzip ? path + ".gz" : path;
  impl->partial = impl->path + ".partial";
  errno = 0;
  impl->file = gzopen(impl->partial.c_str(), gzip ? "wb6" : "wbT");
  if (impl->file == nullptr) return impl->Failure("cannot create", errno);
  gzbuffer(impl->file, 1 << 18);
  return TextWriter(std::move(impl));
}

absl::Status TextWriter::Append(std::string_view text) {
  impl_->buffer += text;
  if (impl_->buffer.size() < (1 << 18)) return absl::OkStatus();
  return impl_->Flush();
}

absl::Status TextWriter::Commit() {
  ATTUNE_RETURN_IF_ERROR(impl_->Flush());
  errno = 0;
  const int code = gzclose(std::exchange(impl_->file, nullptr));
  std::error_code error;
  if (code != Z_OK) {
    const absl::Status failure = impl_->Failure("cannot write", errno);
    std::filesystem::remove(impl_->partial, error);
    return failure;
  }
  std::filesystem::rename(impl_->partial, impl_->path, error);
  if (error) return impl_->Failure("cannot rename", error.value());
  return absl::OkStatus();
}

}  // namespace attune::simulate
