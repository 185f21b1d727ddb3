#include "base/temporary_path.h"

#include <sys/types.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <system_error>

#include "base/strings.h"

namespace attune {
namespace {

constexpr std::string_view kSuffix = ".tmp";

std::string_view WithoutLastSlashes(std::string_view path) {
  while (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
  return path;
}

size_t NameBegin(std::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? 0 : slash + 1;
}

/// Of another process that runs, or might.
bool IsAlive(std::string_view pid_text) {
  pid_t pid = 0;
  const char* const end = pid_text.data() + pid_text.size();
  const auto [parsed, error] = std::from_chars(pid_text.data(), end, pid);
  if (error != std::errc() || parsed != end || pid <= 0) return true;
  return pid != ::getpid() && (::kill(pid, 0) == 0 || errno != ESRCH);
}

}  // namespace

std::string ParentDirectory(std::string_view path) {
  path = WithoutLastSlashes(path);
  const size_t name = NameBegin(path);
  if (name == 0) return ".";
  return std::string(path.substr(0, name == 1 ? 1 : name - 1));
}

std::string TemporaryPathFor(std::string_view path) {
  path = WithoutLastSlashes(path);
  const size_t name = NameBegin(path);
  return StrCat(path.substr(0, name), ".", path.substr(name), ".", ::getpid(),
                kSuffix);
}

void RemoveAbandoned(const std::string& path) {
  namespace fs = std::filesystem;
  const std::string_view clean = WithoutLastSlashes(path);
  const std::string prefix = StrCat(".", clean.substr(NameBegin(clean)), ".");
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(ParentDirectory(path), error)) {
    const std::string file_name = entry.path().filename().string();
    std::string_view name = file_name;
    if (name.size() < prefix.size() + kSuffix.size() ||
        !name.starts_with(prefix) || !name.ends_with(kSuffix)) {
      continue;
    }
    name.remove_prefix(prefix.size());
    name.remove_suffix(kSuffix.size());
    if (!IsAlive(name)) fs::remove_all(entry.path(), error);
  }
}

}  // namespace attune
