#include "storage/file_hash.h"

#include <xxhash.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <vector>

#include "absl/strings/str_format.h"
#include "base/strings.h"

namespace attune::storage {

absl::StatusOr<std::string> HashFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, StrCat("cannot open ", path));
  }
  const std::unique_ptr<XXH3_state_t, XXH_errorcode (*)(XXH3_state_t*)> state(
      XXH3_createState(), &XXH3_freeState);
  if (state == nullptr) {
    return absl::ResourceExhaustedError("no memory for hashing");
  }
  XXH3_128bits_reset(state.get());
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const size_t count =
        std::fread(buffer.data(), 1, buffer.size(), file.get());
    XXH3_128bits_update(state.get(), buffer.data(), count);
    if (count < buffer.size()) break;
  }
  if (std::ferror(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot read ", path));
  }
  const XXH128_hash_t hash = XXH3_128bits_digest(state.get());
  return absl::StrFormat("%016x%016x", hash.high64, hash.low64);
}

}  // namespace attune::storage
