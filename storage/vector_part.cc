#include "storage/vector_part.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <system_error>

#include "base/status_macros.h"
#include "base/strings.h"
#include "storage/content_hash.h"
#include "storage/family.h"
#include "storage/key_codec.h"
#include "storage/snapshot_file.h"
#include "storage/snapshot_format.h"
#include "storage/snapshot_writer.h"
#include "storage/text_check.h"

namespace attune::storage {
namespace {

namespace fs = std::filesystem;

/// Sorted by id, each once: the last that was given.
void SortUnique(std::vector<PartVector>& vectors) {
  std::stable_sort(vectors.begin(), vectors.end(),
                   [](const PartVector& a, const PartVector& b) {
                     return a.item_id < b.item_id;
                   });
  size_t kept = 0;
  for (size_t i = 0; i < vectors.size(); ++i) {
    if (i + 1 < vectors.size() &&
        vectors[i].item_id == vectors[i + 1].item_id) {
      continue;
    }
    if (kept != i) vectors[kept] = std::move(vectors[i]);
    ++kept;
  }
  vectors.resize(kept);
}

}  // namespace

absl::StatusOr<std::string> WriteVectorPart(const std::string& directory,
                                            std::string_view model_version,
                                            std::vector<PartVector> vectors) {
  ATTUNE_RETURN_IF_ERROR(CheckId("model version", model_version));
  SortUnique(vectors);
  ContentHash hash;
  hash.Update(model_version);
  for (const PartVector& vector : vectors) {
    ATTUNE_RETURN_IF_ERROR(CheckId("item id", vector.item_id));
    const uint64_t sizes[] = {vector.item_id.size(), vector.bytes.size()};
    hash.Update(RawBytes(sizes));
    hash.Update(vector.item_id);
    hash.Update(RawBytes(vector.record));
    hash.Update(vector.bytes);
  }
  std::string path = StrCat(directory, "/part-", hash.Hex(), kVectorPartSuffix);
  ATTUNE_ASSIGN_OR_RETURN(const auto writer,
                          SnapshotWriter::Create(path, kVectorPart));
  ATTUNE_RETURN_IF_ERROR(
      writer->BeginSection(kFamilyNames[Index(Family::kItemVectors)]));
  std::string value;
  for (const PartVector& vector : vectors) {
    value.assign(RawBytes(vector.record)).append(vector.bytes);
    ATTUNE_RETURN_IF_ERROR(
        writer->Add(ModelKey(model_version, vector.item_id), value));
  }
  ATTUNE_RETURN_IF_ERROR(writer->Finish().status());
  return path;
}

absl::Status ReadVectorPart(const std::string& path,
                            std::string_view model_version,
                            absl::FunctionRef<absl::Status(
                                std::string_view, uint64_t, std::string_view)>
                                fn) {
  ATTUNE_ASSIGN_OR_RETURN(const auto file,
                          SnapshotFile::Open(path, kVectorPart));
  const std::string prefix = ModelPrefix(model_version);
  return file->Scan(
      Family::kItemVectors, "", "",
      [&](std::string_view key, std::string_view value) -> absl::Status {
        uint64_t record = 0;
        const std::optional<ModelKeyParts> parts = DecodeModelKey(key);
        if (!parts.has_value() || value.size() < sizeof(record)) {
          return absl::DataLossError(
              StrCat(file->name(), " is damaged: row ", QuoteId(key),
                     " is no item's vector; make or copy it again"));
        }
        if (!key.starts_with(prefix)) {
          return absl::InvalidArgumentError(
              StrCat(file->name(), " holds vectors of model ",
                     QuoteId(parts->model_version), ", not of ",
                     QuoteId(model_version), ": embed the items with that"));
        }
        std::memcpy(&record, value.data(), sizeof(record));
        return fn(parts->id, record, value.substr(sizeof(record)));
      });
}

absl::StatusOr<std::vector<std::string>> ListVectorParts(
    const std::string& path) {
  std::error_code error;
  if (fs::is_regular_file(path, error)) return std::vector{path};
  std::vector<std::string> parts;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    const std::string name = entry.path().filename().string();
    // A hidden one is not complete.
    if (name.ends_with(kVectorPartSuffix) && !name.starts_with('.')) {
      parts.push_back(entry.path().string());
    }
  }
  if (parts.empty()) {
    return absl::NotFoundError(StrCat(
        "\"", path, "\" ",
        error ? StrCat("cannot be read: ", error.message())
              : StrCat("has no part of vectors (*", kVectorPartSuffix, ")")));
  }
  std::sort(parts.begin(), parts.end());
  return parts;
}

}  // namespace attune::storage
