#include "engine/io/text_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/file_descriptor.h"

namespace attune {
namespace {

absl::Status WriteAndSync(const std::string& path, std::string_view content) {
  ATTUNE_ASSIGN_OR_RETURN(
      FileDescriptor file,
      FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_TRUNC));
  ATTUNE_RETURN_IF_ERROR(file.WriteAll(content));
  ATTUNE_RETURN_IF_ERROR(file.Sync());
  return file.Close();
}

}  // namespace

absl::StatusOr<std::string> ReadTextFile(const std::string& path,
                                         size_t max_bytes) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor file,
                          FileDescriptor::OpenForReading(path));
  ATTUNE_ASSIGN_OR_RETURN(const int64_t size, file.SizeBytes(path));
  if (static_cast<size_t>(size) > max_bytes) {
    return absl::ResourceExhaustedError(StrCat(
        path, ": has ", size, " bytes; at most ", max_bytes, " are read"));
  }
  std::string content(static_cast<size_t>(size), '\0');
  size_t done = 0;
  while (done < content.size()) {
    absl::StatusOr<size_t> count =
        file.Read({content.data() + done, content.size() - done});
    if (!count.ok()) {
      return absl::Status(count.status().code(),
                          StrCat(path, ": ", ToStd(count.status().message())));
    }
    if (*count == 0) break;  // became shorter meanwhile
    done += *count;
  }
  content.resize(done);
  return content;
}

absl::Status WriteTextFile(const std::string& path, std::string_view content) {
  const std::string temporary = TemporaryPathFor(path);
  absl::Status written = WriteAndSync(temporary, content);
  if (written.ok() && std::rename(temporary.c_str(), path.c_str()) != 0) {
    written = ErrnoStatus(errno, "cannot rename");
  }
  if (!written.ok()) {
    ::unlink(temporary.c_str());
    return absl::Status(written.code(),
                        StrCat(path, ": ", ToStd(written.message())));
  }
  return SyncDirectory(ParentDirectory(path));
}

absl::Status SyncDirectory(const std::string& directory) {
  ATTUNE_ASSIGN_OR_RETURN(
      FileDescriptor file,
      FileDescriptor::Open(directory, O_RDONLY | O_DIRECTORY));
  return file.Sync();
}

}  // namespace attune
