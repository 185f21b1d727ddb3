#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace attune::storage {

// A snapshot file, little-endian: a header page, then the sections one after
// the other, each at a multiple of 64 bytes:
//
//   rows     hash u64 (xxh3-64 of what follows), key bytes u32, key, value;
//            sorted by key, no two equal
//   begins   u64 [rows + 1], where each row begins in `rows`, and where the
//            last one ends; behind `rows` at the next multiple of 8
//
// The header is written last, over a page of zeros: a file whose writing ended
// early has none.

/// What a file of this format is for.
struct SnapshotKind {
  std::string_view magic;    ///< its first 8 bytes
  std::string_view noun;     ///< in messages, before the path
  std::string_view is_none;  ///< of a file without the magic, behind the path
};
inline constexpr SnapshotKind kDatabaseSnapshot = {
    "ATTUNESN", "snapshot",
    "is neither a database's directory nor a snapshot of one"};
/// Item vectors alone (vector_part.h).
inline constexpr SnapshotKind kVectorPart = {
    "ATTUNEVP", "part", "is no part of vectors that a job has written"};

/// Raised when a reader of today would misread what is written.
inline constexpr uint32_t kSnapshotVersion = 1;
inline constexpr size_t kSnapshotAlignment = 64;
inline constexpr size_t kSnapshotMaxSections = 32;

struct SnapshotSection {
  std::array<char, 24> name = {};  ///< of a family, or "files"; ends in zeros
  uint64_t rows = 0;
  uint64_t offset = 0;      ///< of the rows in the file
  uint64_t rows_bytes = 0;  ///< without what aligns the begins
  uint64_t hash = 0;        ///< xxh3-64 of rows, padding and begins
};

struct SnapshotHeader {
  std::array<char, 8> magic = {};
  uint32_t version = 0;
  uint32_t sections = 0;
  uint64_t file_bytes = 0;
  uint64_t hash = 0;  ///< xxh3-64 of this page with 0 in this field
  std::array<SnapshotSection, kSnapshotMaxSections> table = {};
  std::array<char, 4096 - 32 - kSnapshotMaxSections * sizeof(SnapshotSection)>
      reserved = {};
};

struct SnapshotRowHead {
  static constexpr size_t kBytes = 12;  // packed: no padding at the end
  uint64_t hash = 0;
  uint32_t key_bytes = 0;
};

static_assert(sizeof(SnapshotHeader) == 4096);
static_assert(std::is_trivially_copyable_v<SnapshotHeader>);
static_assert(std::endian::native == std::endian::little);

/// The section of the files that are packed beside the rows.
inline constexpr std::string_view kSnapshotFiles = "files";

/// A number, or a header, as it is written.
template <typename T>
std::string_view RawBytes(const T& value) {
  static_assert(std::is_trivially_copyable_v<T>);
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

/// Where the begins lie behind rows of so many bytes.
inline constexpr uint64_t SnapshotBeginsOffset(uint64_t rows_bytes) {
  return (rows_bytes + 7) / 8 * 8;
}

}  // namespace attune::storage
