#include "tools/simulate/load_catalogue.h"

#include <fmt/format.h>
#include <zlib.h>

#include <cerrno>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <system_error>
#include <utility>

#include "base/status_macros.h"

namespace attune::simulate {
namespace {

using Json = nlohmann::json;

struct GzCloser {
  void operator()(gzFile_s* file) const { gzclose(file); }
};
using GzHandle = std::unique_ptr<gzFile_s, GzCloser>;

// Abseil may be built with a string_view of its own.
std::string_view Text(absl::string_view text) {
  return {text.data(), text.size()};
}

absl::Status FieldError(std::string_view field, std::string_view what) {
  return absl::InvalidArgumentError(
      fmt::format("field \"{}\": {}", field, what));
}

/// The next line without its end; empty optional at the end of the file.
absl::StatusOr<std::optional<std::string>> ReadLine(gzFile_s* file) {
  std::string line;
  char piece[1 << 14];
  while (gzgets(file, piece, sizeof(piece)) != nullptr) {
    line += piece;
    if (line.ends_with('\n')) {
      line.pop_back();
      if (line.ends_with('\r')) line.pop_back();
      return line;
    }
  }
  int code = Z_OK;
  const char* message = gzerror(file, &code);
  // Z_BUF_ERROR is how zlib reports a .gz that ends too early.
  if (code != Z_OK && code != Z_STREAM_END) {
    return absl::DataLossError(code == Z_BUF_ERROR ? "the .gz is truncated"
                                                   : message);
  }
  if (line.empty()) return std::nullopt;
  return line;  // the last line has no line break
}

absl::StatusOr<std::vector<std::string>> Strings(const Json& object,
                                                 const char* field) {
  std::vector<std::string> out;
  auto it = object.find(field);
  if (it == object.end() || it->is_null()) return out;
  if (it->is_string()) {
    out.push_back(it->get<std::string>());
    return out;
  }
  if (!it->is_array()) return FieldError(field, "not a list of strings");
  for (const Json& element : *it) {
    if (!element.is_string()) return FieldError(field, "not a list of strings");
    out.push_back(element.get<std::string>());
  }
  return out;
}

absl::StatusOr<BookRecord> ParseBook(const std::string& line, bool with_title) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (object.is_discarded()) {
    return absl::InvalidArgumentError("not valid JSON");
  }
  if (!object.is_object()) {
    return absl::InvalidArgumentError("not a JSON object");
  }
  BookRecord book;
  auto id = object.find("item_id");
  if (id == object.end()) return FieldError("item_id", "missing");
  if (id->is_string()) {
    book.item_id = id->get<std::string>();
  } else if (id->is_number_integer()) {
    book.item_id = id->dump();
  } else {
    return FieldError("item_id", "neither a string nor an integer");
  }
  ATTUNE_ASSIGN_OR_RETURN(book.tags, Strings(object, "tags"));
  ATTUNE_ASSIGN_OR_RETURN(book.authors, Strings(object, "authors"));
  ATTUNE_ASSIGN_OR_RETURN(book.categories, Strings(object, "categories"));
  if (auto it = object.find("title");
      with_title && it != object.end() && !it->is_null()) {
    if (!it->is_string()) return FieldError("title", "not a string");
    book.title = it->get<std::string>();
  }
  if (auto it = object.find("language"); it != object.end()) {
    if (!it->is_string()) return FieldError("language", "not a string");
    book.language = it->get<std::string>();
  }
  if (auto it = object.find("year"); it != object.end()) {
    if (!it->is_number_integer()) return FieldError("year", "not an integer");
    book.year = it->get<int>();
  }
  return book;
}

absl::Status AddPlace(const std::string& path, uint64_t line,
                      const absl::Status& status) {
  return absl::Status(status.code(), fmt::format("{}:{}: {}", path, line,
                                                 Text(status.message())));
}

}  // namespace

absl::StatusOr<Catalogue> LoadCatalogue(const std::string& path, uint64_t limit,
                                        bool keep_titles) {
  errno = 0;
  GzHandle file(gzopen(path.c_str(), "rb"));  // reads plain files as they are
  if (file == nullptr) {
    return absl::NotFoundError(fmt::format(
        "{}: cannot open: {}", path,
        errno ? std::generic_category().message(errno) : "no memory"));
  }
  Catalogue catalogue(keep_titles);
  for (uint64_t number = 1; limit == 0 || catalogue.size() < limit; ++number) {
    absl::StatusOr<std::optional<std::string>> read = ReadLine(file.get());
    if (!read.ok()) return AddPlace(path, number, read.status());
    const std::optional<std::string>& line = *read;
    if (!line.has_value()) break;
    if (line->find_first_not_of(" \t") == std::string::npos) continue;
    absl::StatusOr<BookRecord> book = ParseBook(*line, keep_titles);
    absl::Status status = book.ok() ? catalogue.Add(*book) : book.status();
    if (!status.ok()) return AddPlace(path, number, status);
  }
  if (catalogue.size() == 0) {
    return absl::InvalidArgumentError(fmt::format("{}: holds no items", path));
  }
  if (catalogue.size() < limit) {
    return absl::OutOfRangeError(
        fmt::format("{}: holds {} items, {} were asked for", path,
                    catalogue.size(), limit));
  }
  return catalogue;
}

}  // namespace attune::simulate
