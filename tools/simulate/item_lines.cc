#include "tools/simulate/item_lines.h"

#include <nlohmann/json.hpp>

namespace attune::simulate {

void AppendItemLine(const BookRecord& book, std::string* out) {
  nlohmann::ordered_json line = {
      {"item_id", book.item_id},   {"title", book.title},
      {"authors", book.authors},   {"year", book.year},
      {"language", book.language}, {"categories", book.categories},
      {"tags", book.tags},         {"description", book.description}};
  out->append(line.dump());
  out->push_back('\n');
}

}  // namespace attune::simulate
