#include "engine/batch/batch_line.h"

#include "base/strings.h"
#include "engine/rank/json_text.h"
#include "engine/rank/response_json.h"

namespace attune {
namespace {

void AppendJsonLine(std::string_view user_id, const v1::RankResponse& response,
                    bool explain, std::string* out) {
  out->append("{\"user_id\":");
  AppendJsonString(user_id, out);
  out->append(",\"items\":[");
  bool first = true;
  for (const v1::RankedItem& item : response.items()) {
    out->append(first ? "{\"item_id\":" : ",{\"item_id\":");
    first = false;
    AppendJsonString(item.item_id(), out);
    out->append(",\"score\":");
    AppendJsonNumber(item.score(), out);
    out->append(StrCat(",\"rank\":", item.rank()));
    if (explain) AppendExplanationFields(item.explanation(), out);
    out->push_back('}');
  }
  out->append("],\"model\":");
  AppendJsonString(response.model(), out);
  out->append("}\n");
}

void AppendEscaped(std::string_view id, std::string* out) {
  for (const char c : id) {
    switch (c) {
      case '\\':
        out->append("\\\\");
        break;
      case '\t':
        out->append("\\t");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '|':
        out->append("\\|");
        break;
      default:
        out->push_back(c);
    }
  }
}

void AppendTsvLine(std::string_view user_id, const v1::RankResponse& response,
                   std::string* out) {
  AppendEscaped(user_id, out);
  char separator = '\t';
  for (const v1::RankedItem& item : response.items()) {
    out->push_back(separator);
    separator = '|';
    AppendEscaped(item.item_id(), out);
    out->push_back(':');
    AppendNumber(item.score(), out);
  }
  if (response.items().empty()) out->push_back(separator);
  out->push_back('\n');
}

}  // namespace

void AppendBatchLine(FileFormat::Kind kind, std::string_view user_id,
                     const v1::RankResponse& response, bool explain,
                     std::string* out) {
  if (kind == FileFormat::Kind::kTsv) {
    AppendTsvLine(user_id, response, out);
  } else {
    AppendJsonLine(user_id, response, explain, out);
  }
}

}  // namespace attune
