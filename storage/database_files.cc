#include "storage/database_files.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "base/strings.h"
#include "storage/database.h"

namespace attune::storage {
namespace {

namespace fs = std::filesystem;

constexpr char kFormatFile[] = "ATTUNE_FORMAT";

absl::Status FileError(const std::string& what, const fs::path& path,
                       const std::error_code& error) {
  return absl::UnavailableError(
      StrCat(what, " ", path.string(), ": ", error.message()));
}

bool ReadLine(const fs::path& path, std::string& line) {
  std::ifstream file(path);
  return static_cast<bool>(std::getline(file, line));
}

absl::StatusOr<bool> HasTableFiles(const std::string& path) {
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->path().extension() == ".sst" || name.starts_with("MANIFEST-")) {
      return true;
    }
  }
  if (error) return FileError("cannot read", path, error);
  return false;
}

}  // namespace

absl::StatusOr<DirectoryState> InspectDirectory(const std::string& path) {
  DirectoryState state;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found) return state;
  if (status.type() == fs::file_type::none) {
    return FileError("cannot read", path, error);
  }
  if (status.type() != fs::file_type::directory) {
    return absl::InvalidArgumentError(
        StrCat("\"", path, "\" is not a directory"));
  }
  state.has_database = fs::exists(fs::path(path) / "CURRENT", error);
  if (error) return FileError("cannot read", path, error);
  if (!state.has_database) {
    absl::StatusOr<bool> leftover = HasTableFiles(path);
    if (!leftover.ok()) return leftover.status();
    if (*leftover) {
      return absl::DataLossError(
          StrCat("database \"", path,
                 "\" is damaged: it has table files, but the "
                 "file CURRENT is missing"));
    }
  }
  const fs::path format_file = fs::path(path) / kFormatFile;
  if (fs::exists(format_file, error)) {
    std::string line;
    if (!ReadLine(format_file, line) ||
        !absl::SimpleAtoi(line, &state.format_version) ||
        state.format_version < 1) {
      return absl::DataLossError(
          StrCat("database \"", path, "\" is damaged: the file ", kFormatFile,
                 " holds \"", line, "\", not a version"));
    }
  }
  return state;
}

absl::Status CheckFormat(const std::string& path, int format_version) {
  if (format_version < 1) {
    return absl::FailedPreconditionError(StrCat(
        "\"", path, "\" holds a RocksDB database, but not one of Attune"));
  }
  if (format_version < kOldestFormatVersion) {
    return absl::FailedPreconditionError(
        StrCat("database \"", path, "\" has format ", format_version,
               ", this build reads from ", kOldestFormatVersion,
               " on: ingest its files into a new one"));
  }
  if (format_version > kFormatVersion) {
    return absl::FailedPreconditionError(StrCat(
        "database \"", path, "\" has format ", format_version,
        ", this build reads up to ", kFormatVersion, ": upgrade Attune"));
  }
  return absl::OkStatus();
}

absl::Status PrepareDirectory(const std::string& path) {
  std::error_code error;
  fs::create_directory(path, error);
  if (error) return FileError("cannot create directory", path, error);
  const fs::path format_file = fs::path(path) / kFormatFile;
  std::ofstream file(format_file, std::ios::trunc);
  file << kFormatVersion << "\n";
  file.flush();
  if (!file) {
    return absl::UnavailableError(
        StrCat("cannot write ", format_file.string()));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ManifestStamp(const std::string& path) {
  std::string manifest;
  if (!ReadLine(fs::path(path) / "CURRENT", manifest)) {
    return absl::DataLossError(
        StrCat("database \"", path, "\": cannot read CURRENT"));
  }
  std::error_code error;
  const auto size = fs::file_size(fs::path(path) / manifest, error);
  if (error) {
    return absl::DataLossError(StrCat("database \"", path, "\": cannot read ",
                                      manifest, ": ", error.message()));
  }
  return StrCat(manifest, ":", size);
}

std::vector<std::string> LogFiles(const std::string& path) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(path, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().extension() == ".log") {
      names.push_back(it->path().filename().string());
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

int64_t LogBytes(const std::string& path) {
  int64_t bytes = 0;
  for (const std::string& name : LogFiles(path)) {
    std::error_code gone;  // the writer may delete it meanwhile
    const auto size = fs::file_size(fs::path(path) / name, gone);
    if (!gone) bytes += static_cast<int64_t>(size);
  }
  return bytes;
}

}  // namespace attune::storage
