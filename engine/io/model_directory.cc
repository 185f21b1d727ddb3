#include "engine/io/model_directory.h"

#include <fcntl.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <utility>

#include "base/status_macros.h"
#include "base/strings.h"
#include "base/temporary_path.h"
#include "engine/io/excerpt.h"
#include "engine/io/file_descriptor.h"
#include "engine/io/json_file.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr std::string_view kManifestName = "manifest.json";
constexpr std::string_view kReportName = "report.json";

absl::StatusOr<std::map<std::string, FileDigest>> HashFiles(
    const std::string& directory) {
  std::map<std::string, FileDigest> files;
  std::error_code error;
  fs::recursive_directory_iterator iterator(directory, error);
  if (error) return ErrnoStatus(error.value(), directory);
  for (; iterator != fs::recursive_directory_iterator();
       iterator.increment(error)) {
    if (error) return ErrnoStatus(error.value(), directory);
    if (iterator->is_directory(error)) continue;
    const std::string name =
        iterator->path().lexically_relative(directory).generic_string();
    if (name == kManifestName) continue;
    // Opening a pipe would wait for somebody to write.
    if (!iterator->is_regular_file(error)) {
      return absl::DataLossError(
          StrCat(iterator->path().string(), ": is no regular file"));
    }
    ATTUNE_ASSIGN_OR_RETURN(files[name],
                            Sha256OfFile(iterator->path().string()));
  }
  return files;
}

absl::StatusOr<std::string> VersionOf(
    const std::map<std::string, FileDigest>& files) {
  std::string names_and_hashes;
  for (const auto& [name, digest] : files) {
    if (name == kReportName) continue;
    names_and_hashes += StrCat(digest.sha256, "  ", name, "\n");
  }
  ATTUNE_ASSIGN_OR_RETURN(const std::string hash, Sha256(names_and_hashes));
  return hash.substr(0, 16);
}

absl::StatusOr<ModelManifest> ParseManifest(const Json& json,
                                            const std::string& path) {
  ModelManifest manifest;
  if (!json.is_object() || !json.contains("format_version") ||
      !json["format_version"].is_number_integer()) {
    return absl::DataLossError(
        StrCat(path, ": format_version is not a whole number"));
  }
  manifest.format_version = json["format_version"].get<int>();
  if (manifest.format_version > ModelManifest::kFormatVersion ||
      manifest.format_version < 1) {
    return absl::FailedPreconditionError(StrCat(
        path, ": the model has format ", manifest.format_version,
        ", this program reads formats up to ", ModelManifest::kFormatVersion));
  }
  ATTUNE_RETURN_IF_ERROR(
      CheckKeys(json, {"format_version", "files", "version"}, path));
  const Json files = json.value("files", Json());
  if (!files.is_object()) {
    return absl::DataLossError(StrCat(path, ": files: an object is expected"));
  }
  for (const auto& item : files.items()) {
    const std::string where = StrCat(path, ": files.", item.key());
    ATTUNE_RETURN_IF_ERROR(
        CheckKeys(item.value(), {"sha256", "size_bytes"}, where));
    const Json sha256 = item.value().value("sha256", Json());
    const Json size = item.value().value("size_bytes", Json());
    if (!sha256.is_string() || !size.is_number_unsigned()) {
      return absl::DataLossError(
          StrCat(where, ": sha256 and size_bytes are expected"));
    }
    manifest.files[item.key()] = {sha256.get<std::string>(),
                                  size.get<int64_t>()};
  }
  const Json version = json.value("version", Json());
  if (!version.is_string()) {
    return absl::DataLossError(StrCat(path, ": version: text is expected"));
  }
  manifest.version = version.get<std::string>();
  return manifest;
}

absl::Status Compare(const std::string& directory,
                     const std::map<std::string, FileDigest>& wanted,
                     const std::map<std::string, FileDigest>& found) {
  for (const auto& [name, digest] : wanted) {
    const std::string path = StrCat(directory, "/", name);
    const auto place = found.find(name);
    if (place == found.end()) {
      return absl::DataLossError(
          StrCat(path, ": is in the manifest but not in the directory"));
    }
    if (place->second.size_bytes != digest.size_bytes) {
      return absl::DataLossError(
          StrCat(path, ": has ", place->second.size_bytes,
                 " bytes, the manifest says ", digest.size_bytes));
    }
    if (place->second.sha256 != digest.sha256) {
      return absl::DataLossError(StrCat(path, ": has SHA-256 ",
                                        place->second.sha256,
                                        ", the manifest says ", digest.sha256));
    }
  }
  for (const auto& [name, digest] : found) {
    if (!wanted.contains(name)) {
      return absl::DataLossError(
          StrCat(directory, "/", name, ": is not in the manifest"));
    }
  }
  return absl::OkStatus();
}

absl::Status SyncTree(const std::string& directory) {
  std::error_code error;
  for (const fs::directory_entry& entry :
       fs::recursive_directory_iterator(directory, error)) {
    ATTUNE_ASSIGN_OR_RETURN(FileDescriptor file, FileDescriptor::OpenForReading(
                                                     entry.path().string()));
    ATTUNE_RETURN_IF_ERROR(file.Sync());
  }
  if (error) return ErrnoStatus(error.value(), directory);
  return SyncDirectory(directory);
}

}  // namespace

absl::StatusOr<ModelManifest> VerifyModelDirectory(
    const std::string& directory) {
  const std::string path = StrCat(directory, "/", kManifestName);
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_regular_file(status)) {
    return absl::DataLossError(StrCat(path, ": is no regular file"));
  }
  absl::StatusOr<Json> json = ReadJsonFile(path);
  if (absl::IsNotFound(json.status())) {
    return absl::NotFoundError(
        fs::is_directory(directory, error)
            ? StrCat(directory, ": is no model: it has no ", kManifestName)
            : StrCat(directory, ": there is no such directory"));
  }
  if (absl::IsPermissionDenied(json.status())) return json.status();
  if (!json.ok()) {
    return absl::DataLossError(json.status().message());
  }
  ATTUNE_ASSIGN_OR_RETURN(ModelManifest manifest, ParseManifest(*json, path));
  ATTUNE_ASSIGN_OR_RETURN(const auto files, HashFiles(directory));
  ATTUNE_RETURN_IF_ERROR(Compare(directory, manifest.files, files));
  ATTUNE_ASSIGN_OR_RETURN(const std::string version, VersionOf(files));
  if (version != manifest.version) {
    return absl::DataLossError(StrCat(path, ": says version ",
                                      Excerpt(manifest.version),
                                      ", the files give ", version));
  }
  return manifest;
}

absl::Status CheckModelTarget(const std::string& final_path) {
  std::error_code error;
  const fs::path parent = ParentDirectory(final_path);
  if (!fs::is_directory(parent, error)) {
    return absl::NotFoundError(
        StrCat(parent.string(), ": there is no such directory, for ",
               fs::path(final_path).filename().string()));
  }
  if (!fs::exists(fs::symlink_status(final_path, error)) ||
      fs::exists(fs::path(final_path) / kManifestName, error) ||
      (fs::is_directory(final_path, error) &&
       fs::is_empty(final_path, error))) {
    return absl::OkStatus();
  }
  return absl::AlreadyExistsError(
      StrCat(final_path, ": is there already and is no model directory"));
}

absl::StatusOr<std::unique_ptr<StagedDirectory>> StagedDirectory::Create(
    const std::string& final_path) {
  RemoveAbandoned(final_path);
  std::string path = TemporaryPathFor(final_path);
  std::error_code error;
  if (!fs::create_directory(path, error)) {
    return ErrnoStatus(error ? error.value() : EEXIST,
                       StrCat(final_path, ": cannot make ", path));
  }
  std::string clean = final_path;
  while (clean.size() > 1 && clean.ends_with('/')) clean.pop_back();
  return std::unique_ptr<StagedDirectory>(
      new StagedDirectory(std::move(clean), std::move(path)));
}

StagedDirectory::StagedDirectory(std::string final_path, std::string path)
    : final_path_(std::move(final_path)), path_(std::move(path)) {}

StagedDirectory::~StagedDirectory() {
  if (published_) return;
  std::error_code error;
  fs::remove_all(path_, error);
}

absl::StatusOr<ModelManifest> StagedDirectory::Publish() {
  ModelManifest manifest;
  ATTUNE_ASSIGN_OR_RETURN(manifest.files, HashFiles(path_));
  ATTUNE_ASSIGN_OR_RETURN(manifest.version, VersionOf(manifest.files));
  Json files = Json::object();
  for (const auto& [name, digest] : manifest.files) {
    files[name] = {{"sha256", digest.sha256},
                   {"size_bytes", static_cast<uint64_t>(digest.size_bytes)}};
  }
  ATTUNE_RETURN_IF_ERROR(
      WriteJsonFile(StrCat(path_, "/", kManifestName),
                    {{"format_version", manifest.format_version},
                     {"version", manifest.version},
                     {"files", files}}));
  ATTUNE_RETURN_IF_ERROR(SyncTree(path_));

  std::error_code error;
  const bool occupied = fs::exists(fs::symlink_status(final_path_, error)) &&
                        !fs::is_empty(final_path_, error);
  if (!occupied) {
    if (std::rename(path_.c_str(), final_path_.c_str()) != 0) {
      return ErrnoStatus(errno, StrCat(final_path_, ": cannot rename"));
    }
  } else {
    ATTUNE_RETURN_IF_ERROR(CheckModelTarget(final_path_));
    // Exchange rather than remove and rename: at no time is there no model.
    if (::renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, final_path_.c_str(),
                    RENAME_EXCHANGE) != 0) {
      return ErrnoStatus(errno, StrCat(final_path_, ": cannot exchange"));
    }
    fs::remove_all(path_, error);
  }
  published_ = true;
  ATTUNE_RETURN_IF_ERROR(SyncDirectory(ParentDirectory(final_path_)));
  return manifest;
}

}  // namespace attune
