#include "storage/file_hash.h"

#include <cerrno>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

#include "base/strings.h"
#include "storage/content_hash.h"

namespace attune::storage {

absl::StatusOr<std::string> HashFile(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(path.c_str(), "rbe"), &std::fclose);
  if (file == nullptr) {
    return absl::ErrnoToStatus(errno, StrCat("cannot open ", path));
  }
  ContentHash hash;
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    const size_t count =
        std::fread(buffer.data(), 1, buffer.size(), file.get());
    hash.Update(std::span(buffer).first(count));
    if (count < buffer.size()) break;
  }
  if (std::ferror(file.get()) != 0) {
    return absl::ErrnoToStatus(errno, StrCat("cannot read ", path));
  }
  return hash.Hex();
}

}  // namespace attune::storage
