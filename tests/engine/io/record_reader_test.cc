#include "engine/io/record_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/rng.h"
#include "engine/io/split.h"
#include "temp_files.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string Describe(const RecordField& field) {
  std::string list;
  for (std::string_view element : field.list) list += StrCat(element, ";");
  const char* kinds[] = {"missing", "boolean", "number",
                         "text",    "list",    "cell"};
  return StrCat(
      field.name, "=", kinds[static_cast<int>(field.kind)], ":",
      field.kind == RecordField::Kind::kList ? list : std::string(field.text));
}

class RecordReaderTest : public TempFilesTest {
 protected:
  // One text per row: its fields, or "!" and the error.
  std::vector<std::string> Rows(const std::string& path,
                                const ColumnMap& map = {}) {
    auto reader = RecordReader::Open(path, map);
    if (!reader.ok()) return {StrCat("!", ToStd(reader.status().message()))};
    std::vector<std::string> rows;
    Record record;
    while (rows.size() < 100) {
      const absl::StatusOr<bool> has_row = (*reader)->Next(&record);
      if (has_row.ok() && !*has_row) break;
      std::string text;
      if (has_row.ok()) {
        for (const RecordField& field : record.fields) {
          text += StrCat(text.empty() ? "" : " ", Describe(field));
        }
      } else {
        text = StrCat("!", ToStd(has_row.status().message()));
      }
      rows.push_back(text);
      if (!has_row.ok() && !absl::IsInvalidArgument(has_row.status())) break;
    }
    return rows;
  }
  std::vector<std::string> JsonRows(std::string_view content) {
    return Rows(WriteFile("f.jsonl", content));
  }
  std::vector<std::string> TsvRows(std::string_view content) {
    return Rows(WriteFile("f.tsv", content));
  }
};

TEST_F(RecordReaderTest, ReadsEveryKindOfJsonValueAsWritten) {
  EXPECT_THAT(
      JsonRows("{\"a\": 1, \"b\": 1.0, \"c\": 12345678901234567890123, "
               "\"d\": -1e3, \"e\": \"x\\u00e9\\n\", \"f\": true, "
               "\"g\": null, \"h\": [\"p\", 2, false, null], \"i\": []}\n"),
      ElementsAre("a=number:1 b=number:1.0 c=number:12345678901234567890123 "
                  "d=number:-1e3 e=text:x\u00e9\n f=boolean:true g=missing: "
                  "h=list:p;2;false; i=list:"));
}

TEST_F(RecordReaderTest, SkipsBlankLinesButCountsThem) {
  EXPECT_THAT(JsonRows("\n  \n{\"a\":1}\r\n\n{\"a\":}\n"),
              ElementsAre("a=number:1", HasSubstr("f.jsonl:5: broken JSON")));
  EXPECT_THAT(TsvRows("a\n\n1\n\n"), ElementsAre("a=cell:1"));
}

TEST_F(RecordReaderTest, NamesWhatIsWrongWithAJsonLineAndGoesOn) {
  const struct {
    const char* line;
    const char* error;
  } kTable[] = {
      {"{\"a\": 1", "broken JSON"},
      {"{\"a\": 1 2}", "broken JSON"},
      {"{\"a\" 1}", "broken JSON"},
      {"{\"a\": 1,}", "broken JSON"},
      {"{a: 1}", "broken JSON"},
      {"{\"a\": 01}", "broken JSON: field \"a\": \"01\" is no JSON value"},
      {"{\"a\": 1.}", "broken JSON"},
      {"{\"a\": +1}", "broken JSON"},
      {"{\"a\": NaN}", "broken JSON"},
      {"{\"a\": nul}", "broken JSON"},
      {"{\"a\": nullx}", "broken JSON"},
      {"{\"a\": truex}", "broken JSON"},
      {"{\"a\": \"x}", "broken JSON"},
      {"{\"a\": \"\\x\"}", "broken JSON"},
      {"{\"a\": \"\\ud800\"}", "broken JSON"},
      {"{\"a\": [1}", "broken JSON"},
      {"{\"a\": [1 2]}", "broken JSON"},
      {"{\"a\": 1} {\"a\": 2}", "more behind the object"},
      {"{\"a\": 1}x", "broken JSON"},
      {"{\"a\": 1}}", "more behind the object"},
      {"[1]", "not a JSON object"},
      {"1", "not a JSON object"},
      {"\"a\"", "not a JSON object"},
      {"x", "broken JSON"},
      {"[", "not a JSON object"},
      {"{\"a\": 1, \"b\": 2, \"a\": 3}", "field \"a\" is there twice"},
      {"{\"\\u0061\": 1, \"a\": 3}", "field \"a\" is there twice"},
      {"{\"\": 1}", "a field has no name"},
      {"{\"a\": {\"b\": 1}}", "field \"a\": nested objects"},
      {"{\"a\": [[1]]}", "field \"a\": nested objects"},
      {"{\"a\": [{}]}", "field \"a\": nested objects"},
      {"{\"a\": \"\xff\"}", "not valid UTF-8"},
      {"{\"a\": \"\xc3\"}", "not valid UTF-8"},
      {"{\"a\": \"x\ty\"}", "broken JSON"},
  };
  for (const auto& row : kTable) {
    EXPECT_THAT(
        JsonRows(StrCat("{\"z\":1}\n", std::string(row.line), "\n{\"z\":2}\n")),
        ElementsAre(
            "z=number:1",
            ::testing::AllOf(HasSubstr("f.jsonl:2: "), HasSubstr(row.error)),
            "z=number:2"))
        << row.line;
  }
}

TEST_F(RecordReaderTest, AnEmptyJsonFileHasNoRowsAnEmptyTsvFileIsAnError) {
  EXPECT_THAT(JsonRows(""), ElementsAre());
  EXPECT_THAT(JsonRows("{}"), ElementsAre(""));
  EXPECT_THAT(TsvRows(""),
              ElementsAre(HasSubstr("f.tsv:1: the file is empty")));
  EXPECT_THAT(TsvRows("a\tb"), ElementsAre());
}

TEST_F(RecordReaderTest, ReadsTsvCells) {
  EXPECT_THAT(TsvRows("\xef\xbb\xbfid\ttitle\tn\r\n1\t\"A\" b|c\t\r\n2\t\t03"),
              ElementsAre("id=cell:1 title=cell:\"A\" b|c n=missing:",
                          "id=cell:2 title=missing: n=cell:03"));
}

TEST_F(RecordReaderTest, NamesWhatIsWrongWithATsvFile) {
  const struct {
    const char* content;
    const char* error;
  } kTable[] = {
      {"a\t\tc\n", "f.tsv:1: column 2 has no name"},
      {"a\tb\ta\n", "f.tsv:1: column \"a\" is there twice"},
      {"a,b\n1,2\n", "f.tsv:1: the header row has no tab"},
      {"\n1\n", "f.tsv:1: the header row is empty"},
      {"a\xff\n", "f.tsv:1: the header row is not valid UTF-8"},
      {"a\tb\n1\n", "f.tsv:2: 1 cell, but the header has 2 columns"},
      {"a\tb\n1\t2\t3\n", "f.tsv:2: 3 cells, but the header has 2 columns"},
      {"a\tb\n1\t\xff\n", "f.tsv:2: the row is not valid UTF-8"},
  };
  for (const auto& row : kTable) {
    EXPECT_THAT(TsvRows(row.content), ElementsAre(HasSubstr(row.error)))
        << row.content;
  }
}

TEST_F(RecordReaderTest, KnowsFormatsByTheirEnding) {
  const std::string json = "{\"a\":1}\n", tsv = "a\n1\n";
  for (const char* name : {"f.jsonl", "f.JSONL", "f.ndjson", "f.json"}) {
    EXPECT_THAT(Rows(WriteFile(name, json)), ElementsAre("a=number:1")) << name;
  }
  for (const char* name : {"f.tsv", "f.tab", "f.txt"}) {
    EXPECT_THAT(Rows(WriteFile(name, tsv)), ElementsAre("a=cell:1")) << name;
  }
  EXPECT_THAT(Rows(WriteFile("f.jsonl.gz", Gzip(json))),
              ElementsAre("a=number:1"));
  EXPECT_THAT(Rows(WriteFile("f.tsv.GZ", Gzip(tsv))), ElementsAre("a=cell:1"));
  EXPECT_THAT(Rows(WriteFile("f.csv", tsv)),
              ElementsAre(HasSubstr("CSV is not read")));
  EXPECT_THAT(Rows(WriteFile("f.csv.gz", tsv)),
              ElementsAre(HasSubstr("CSV is not read")));
  EXPECT_THAT(Rows(WriteFile("f.parquet", tsv)),
              ElementsAre(HasSubstr("neither JSON lines")));
}

TEST_F(RecordReaderTest, RenamesAndDropsColumns) {
  const ColumnMap map =
      ColumnMap::Parse("item_id=book_id,b=a,a=b", "c").value();
  EXPECT_THAT(
      Rows(WriteFile("f.tsv", "book_id\ta\tb\tc\td\n1\t2\t3\t4\t5\n"), map),
      ElementsAre("item_id=cell:1 b=cell:2 a=cell:3 d=cell:5"));
  EXPECT_THAT(
      Rows(WriteFile("f.jsonl",
                     "{\"book_id\":1,\"a\":2,\"b\":3,\"c\":{\"x\":[]},"
                     "\"d\":5}\n{\"c\":1}\n"),
           map),
      ElementsAre("item_id=number:1 b=number:2 a=number:3 d=number:5", ""));
}

TEST_F(RecordReaderTest, TwoColumnsCannotBecomeOne) {
  const ColumnMap map = ColumnMap::Parse("title=name").value();
  EXPECT_THAT(Rows(WriteFile("f.tsv", "name\ttitle\n1\t2\n"), map),
              ElementsAre(HasSubstr("columns \"name\" and \"title\" would both "
                                    "be \"title\"")));
  EXPECT_THAT(Rows(WriteFile("f.jsonl", "{\"title\":1,\"name\":2}\n"), map),
              ElementsAre(HasSubstr("two fields would both be \"title\"")));
}

TEST_F(RecordReaderTest, LongRowsAreReadUpToTheLimit) {
  const std::string long_text(3 << 20, 'x');
  const std::vector<std::string> rows = JsonRows(StrCat(
      "{\"a\":\"", long_text, "\"}\n{\"a\":\"",
      std::string(LineSource::kDefaultMaxLineBytes, 'y'), "\"}\n{\"a\":1}\n"));
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0], "a=text:" + long_text);
  EXPECT_THAT(rows[1], HasSubstr("f.jsonl:2: line is longer than 16777216"));
  EXPECT_EQ(rows[2], "a=number:1");
}

TEST_F(RecordReaderTest, ContinuesAtAnyPosition) {
  std::string json, tsv = "n\n";
  for (int i = 0; i < 2000; ++i) {
    json += StrCat("{\"n\":", i, "}\n");
    tsv += StrCat(i, "\n");
  }
  for (const std::string& path :
       {WriteFile("f.jsonl", json), WriteFile("f.tsv.gz", Gzip(tsv))}) {
    auto first = RecordReader::Open(path);
    ASSERT_TRUE(first.ok());
    Record record;
    for (int i = 0; i < 1999; ++i) {
      if (i % 331 == 0) {
        auto second = RecordReader::Open(path);
        ASSERT_TRUE((*second)->SkipTo((*first)->position()).ok());
        ASSERT_TRUE((*second)->Next(&record).value());
        EXPECT_EQ(record.fields[0].text, StrCat(i));
        EXPECT_EQ((*second)->line_number(), (*first)->line_number() + 1);
      }
      ASSERT_TRUE((*first)->Next(&record).value());
    }
  }
}

// Random damage may make rows bad but never more than that; what is read must
// be the row itself or an error that names the file.
TEST_F(RecordReaderTest, DamagedBytesNeverDoMoreThanFailRows) {
  const std::string json =
      "{\"item_id\": 17, \"title\": \"Caf\u00e9 \\\"x\\\"\", \"tags\": "
      "[\"a\", \"b\", 3], \"price\": 1.5e2, \"new\": true, \"none\": null}\n"
      "{\"item_id\": \"18\", \"tags\": [], \"title\": \"\\u4e2d\"}\n";
  const std::string tsv =
      "item_id\ttitle\ttags\n17\tCaf\u00e9\ta|b\n18\t\u4e2d\t\n";
  Rng rng(11);
  int errors = 0;
  for (int round = 0; round < 1000; ++round) {
    const bool is_json = round % 2 == 0;
    std::string bytes = is_json ? json : tsv;
    const uint64_t changes = 1 + rng.Below(4);
    for (uint64_t i = 0; i < changes; ++i) {
      const size_t place = rng.Below(bytes.size());
      switch (rng.Below(3)) {
        case 0:
          bytes[place] = static_cast<char>(rng.Below(256));
          break;
        case 1:
          bytes.erase(place, 1 + rng.Below(8));
          break;
        default:
          bytes.insert(place, 1, "{}[]\",:\t\n\\\xff\0"[rng.Below(12)]);
      }
      if (bytes.empty()) bytes = "x";
    }
    const bool pack = rng.Bernoulli(0.3);
    if (pack) {
      bytes = Gzip(bytes);
      bytes[rng.Below(bytes.size())] ^= static_cast<char>(1 + rng.Below(255));
    }
    const std::string path = WriteFile(
        StrCat(is_json ? "f.jsonl" : "f.tsv", pack ? ".gz" : ""), bytes);
    for (const std::string& row : Rows(path)) {
      if (!row.starts_with("!")) continue;
      ++errors;
      EXPECT_THAT(row, HasSubstr(path));
    }
  }
  EXPECT_GT(errors, 300);
}

}  // namespace
}  // namespace attune
