#include "engine/batch/gzip_member.h"

#include <zlib.h>

#include <algorithm>

#include "absl/status/status.h"
#include "base/strings.h"

namespace attune {

absl::StatusOr<std::string> GzipMember(std::string_view text) {
  z_stream stream{};
  // 15 + 16: largest window, gzip header. 8 is zlib's default memory level.
  if (deflateInit2(&stream, Z_DEFAULT_COMPRESSION, Z_DEFLATED, 15 + 16, 8,
                   Z_DEFAULT_STRATEGY) != Z_OK) {
    return absl::ResourceExhaustedError("no memory to compress");
  }
  std::string member(deflateBound(&stream, text.size()), '\0');
  // avail_in and avail_out are 32 bits wide; a chunk of a batch may be longer.
  size_t taken = 0;
  size_t given = 0;
  int code = Z_OK;
  while (code == Z_OK || code == Z_BUF_ERROR) {
    constexpr size_t kStep = size_t{1} << 30;
    const size_t in = std::min(kStep, text.size() - taken);
    const size_t out = std::min(kStep, member.size() - given);
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(text.data() + taken));
    stream.avail_in = static_cast<uInt>(in);
    stream.next_out = reinterpret_cast<Bytef*>(member.data() + given);
    stream.avail_out = static_cast<uInt>(out);
    code = deflate(&stream, taken + in == text.size() ? Z_FINISH : Z_NO_FLUSH);
    const size_t step_in = in - stream.avail_in;
    const size_t step_out = out - stream.avail_out;
    taken += step_in;
    given += step_out;
    if (code == Z_BUF_ERROR && step_in == 0 && step_out == 0) break;
  }
  deflateEnd(&stream);
  if (code != Z_STREAM_END) {
    return absl::InternalError(
        StrCat("cannot compress ", text.size(), " bytes: zlib says ", code));
  }
  member.resize(given);
  return member;
}

}  // namespace attune
