#include "engine/ingest/record_parser.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "database_test_base.h"
#include "engine/io/record_reader.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::string ValueText(const v1::Value& value) {
  if (value.has_number()) return StrCat(value.number());
  if (value.has_text()) return StrCat("'", value.text(), "'");
  std::string text = "[";
  for (const std::string& element : value.list().values()) {
    text += element + ";";
  }
  return text + "]";
}

template <typename RecordProto>
std::vector<std::string> Features(const RecordProto& record) {
  std::vector<std::string> texts;
  for (const v1::Feature& feature : record.features()) {
    texts.push_back(StrCat(feature.name(), "=", ValueText(feature.value())));
  }
  return texts;
}

class RecordParserTest : public DatabaseTest {
 protected:
  void Declare(features::Entity entity, const char* name,
               features::ColumnType type, bool inferred = false) {
    ASSERT_TRUE(schema_
                    .AddColumn({name, entity, type, features::Transform::kNone,
                                inferred})
                    .ok());
  }

  // Parses the first row; the error, if any, goes to error_.
  template <typename RecordProto, typename Parse>
  RecordProto First(const std::string& path, Parse parse) {
    RecordProto result;
    auto reader = RecordReader::Open(path);
    EXPECT_TRUE(reader.ok()) << reader.status();
    Record record;
    const auto has_row = (*reader)->Next(&record);
    EXPECT_TRUE(has_row.ok() && *has_row) << has_row.status();
    error_ = std::string((parser_.*parse)(record, &result).message());
    return result;
  }
  v1::Item Item(std::string_view json) {
    return First<v1::Item>(WriteFile("f.jsonl", json),
                           &RecordParser::ParseItem);
  }
  v1::Item TsvItem(std::string_view content) {
    return First<v1::Item>(WriteFile("f.tsv", content),
                           &RecordParser::ParseItem);
  }
  v1::Event Event(std::string_view json) {
    return First<v1::Event>(WriteFile("f.jsonl", json),
                            &RecordParser::ParseEvent);
  }
  v1::Event TsvEvent(std::string_view content) {
    return First<v1::Event>(WriteFile("f.tsv", content),
                            &RecordParser::ParseEvent);
  }

  features::Schema schema_;
  RecordParser parser_{&schema_};
  std::string error_;
};

TEST_F(RecordParserTest, IdsAreTextAsWritten) {
  EXPECT_EQ(Item("{\"item_id\": 1}").item_id(), "1");
  EXPECT_EQ(Item("{\"item_id\": \"1.0\"}").item_id(), "1.0");
  EXPECT_EQ(Item("{\"item_id\": 12345678901234567890123}").item_id(),
            "12345678901234567890123");
  EXPECT_EQ(Item("{\"item_id\": -5781461435447152359}").item_id(),
            "-5781461435447152359");
  EXPECT_EQ(TsvItem("item_id\n007\n").item_id(), "007");
  EXPECT_EQ(Item("{\"item_id\": \"a b\"}").item_id(), "a b");
}

TEST_F(RecordParserTest, ReadsAnItem) {
  const v1::Item item = Item(
      "{\"item_id\":\"i\",\"title\":\"T\",\"description\":\"D\","
      "\"tags\":[\"a\",1,\"\"],\"categories\":\"one|two\",\"unavailable\":true,"
      "\"year\":1984,\"isbn\":\"007\",\"new\":true,\"none\":null,"
      "\"empty\":\"\",\"authors\":[\"X\",\"Y\"]}");
  EXPECT_EQ(error_, "");
  EXPECT_EQ(item.title(), "T");
  EXPECT_EQ(item.description(), "D");
  EXPECT_THAT(item.tags(), ElementsAre("a", "1"));
  EXPECT_THAT(item.categories(), ElementsAre("one|two"));
  EXPECT_TRUE(item.unavailable());
  EXPECT_THAT(Features(item), ElementsAre("authors=[X;Y;]", "isbn='007'",
                                          "new=1", "year=1984"));
}

TEST_F(RecordParserTest, TsvCellsWithoutASchemaAreWhatTheyLookLike) {
  const v1::Item item = TsvItem(
      "item_id\ttitle\ttags\tprice\tisbn\tauthors\tdate\tgap\tbig\n"
      "1\tA|B\tx|y||z\t1.50\t007\tP|Q\t2022-04-10\t\t1e999\n");
  EXPECT_EQ(item.title(), "A|B");
  EXPECT_THAT(item.tags(), ElementsAre("x", "y", "z"));
  EXPECT_THAT(Features(item),
              ElementsAre("authors=[P;Q;]", "big='1e999'", "date='2022-04-10'",
                          "isbn='007'", "price=1.5"));
}

TEST_F(RecordParserTest, TheSchemaDecidesTheFormOfAValue) {
  using features::ColumnType;
  using features::Entity;
  Declare(Entity::kItem, "isbn", ColumnType::kCategorical);
  Declare(Entity::kItem, "price", ColumnType::kNumeric);
  Declare(Entity::kItem, "note", ColumnType::kText);
  Declare(Entity::kItem, "genres", ColumnType::kMulti);
  Declare(Entity::kItem, "born", ColumnType::kTime);
  EXPECT_THAT(Features(TsvItem("item_id\tisbn\tprice\tnote\tgenres\tborn\n"
                               "1\t1.0\t007\ta|b\tp\t2022-04-10\n")),
              ElementsAre("born='2022-04-10'", "genres=[p;]", "isbn='1.0'",
                          "note='a|b'", "price=7"));
  EXPECT_THAT(Features(Item("{\"item_id\":1,\"isbn\":1.0,\"price\":\"2.5\","
                            "\"note\":true,\"genres\":3,\"born\":16495}")),
              ElementsAre("born=16495", "genres=[3;]", "isbn='1.0'",
                          "note='true'", "price=2.5"));
  const struct {
    const char* json;
    const char* error;
  } kTable[] = {
      {"\"price\":\"cheap\"",
       "field \"price\": not a number (got \"cheap\"); "
       "the schema says numeric"},
      {"\"price\":[1]", "field \"price\": not a number (got a list)"},
      {"\"isbn\":[1]", "field \"isbn\": not a single value (got a list)"},
      {"\"born\":\"then\"", "field \"born\": not a time (got \"then\")"},
  };
  for (const auto& row : kTable) {
    Item(StrCat("{\"item_id\":1,", std::string(row.json), "}"));
    EXPECT_THAT(error_, ::testing::AllOf(HasSubstr("f.jsonl:1: "),
                                         HasSubstr(row.error)));
  }
}

TEST_F(RecordParserTest, AnInferredTypeIsNotALaw) {
  Declare(features::Entity::kItem, "year", features::ColumnType::kNumeric,
          /*inferred=*/true);
  EXPECT_THAT(Features(TsvItem("item_id\tyear\n1\tunknown\n")),
              ElementsAre("year='unknown'"));
  EXPECT_EQ(error_, "");
  EXPECT_EQ(parser_.misfits(), 1);
  EXPECT_THAT(parser_.first_misfit(),
              HasSubstr("f.tsv:2: field \"year\": not a number"));
}

TEST_F(RecordParserTest, ReadsAnEvent) {
  const v1::Event event = Event(
      "{\"user_id\":1,\"item_id\":2,\"action\":\"buy\",\"timestamp\":"
      "1650882384.975,\"order\":7,\"event_id\":\"e\",\"price\":3}");
  EXPECT_EQ(error_, "");
  EXPECT_EQ(event.user_id(), "1");
  EXPECT_EQ(event.action(), "buy");
  EXPECT_EQ(event.time_ms(), 1650882384975);
  EXPECT_EQ(event.order(), 7);
  EXPECT_EQ(event.event_id(), "e");
  EXPECT_THAT(Features(event), ElementsAre("price=3"));
}

TEST_F(RecordParserTest, TimesAreSecondsMillisecondsOrDates) {
  auto time = [&](std::string_view field) {
    return Event(StrCat("{\"user_id\":1,\"item_id\":2,", field, "}")).time_ms();
  };
  EXPECT_EQ(time("\"timestamp\":1292526540"), 1292526540000);
  EXPECT_EQ(time("\"timestamp\":\"1292526540\""), 1292526540000);
  EXPECT_EQ(time("\"timestamp\":\"2010-12-16T19:09:00Z\""), 1292526540000);
  EXPECT_EQ(time("\"time_ms\":1650825773187"), 1650825773187);
  EXPECT_EQ(time("\"timestamp\":0"), 0);
  const v1::Event untimed = Event("{\"user_id\":1,\"item_id\":2,\"order\":3}");
  EXPECT_FALSE(untimed.has_time_ms());
  EXPECT_TRUE(untimed.has_order());
  const v1::Event unplaced = Event("{\"user_id\":1,\"item_id\":2}");
  EXPECT_EQ(error_, "");
  EXPECT_FALSE(unplaced.has_time_ms() || unplaced.has_order());
}

TEST_F(RecordParserTest, ResultColumnsMakeImpressions) {
  const std::string header =
      "user_id\titem_id\ttime_ms\tis_click\tlong_view\tis_like\ttab\n";
  v1::Event event = TsvEvent(header + "1\t2\t3\t1\t1\t0\t5\n");
  EXPECT_EQ(event.action(), "impression");
  EXPECT_THAT(event.followed(), ElementsAre("click", "long_view"));
  EXPECT_THAT(Features(event), ElementsAre("tab=5"));
  event = TsvEvent(header + "1\t2\t3\t0\t0\t\t5\n");
  EXPECT_EQ(event.action(), "impression");
  EXPECT_THAT(event.followed(), IsEmpty());
  event = Event("{\"user_id\":1,\"item_id\":2,\"is_click\":true}");
  EXPECT_THAT(event.followed(), ElementsAre("click"));
  event = Event(
      "{\"user_id\":1,\"item_id\":2,\"action\":\"impression\","
      "\"followed\":[\"buy\"]}");
  EXPECT_EQ(error_, "");
  EXPECT_THAT(event.followed(), ElementsAre("buy"));
  // With an action of its own, a row is no impression.
  event =
      Event("{\"user_id\":1,\"item_id\":2,\"action\":\"buy\",\"is_gift\":1}");
  EXPECT_EQ(event.action(), "buy");
  EXPECT_THAT(event.followed(), IsEmpty());
  EXPECT_THAT(Features(event), ElementsAre("is_gift=1"));
}

TEST_F(RecordParserTest, AMissingActionIsTheDefault) {
  EXPECT_EQ(Event("{\"user_id\":1,\"item_id\":2}").action(), "view");
  schema_.actions().set_default_action("rating");
  EXPECT_EQ(Event("{\"user_id\":1,\"item_id\":2}").action(), "rating");
}

TEST_F(RecordParserTest, NamesWhatIsWrongWithAnEvent) {
  const struct {
    const char* json;
    const char* error;
  } kTable[] = {
      {"\"item_id\":2",
       "field \"user_id\": is missing; there are: item_id "
       "(--map user_id=COLUMN"},
      {"\"user_id\":\"\",\"item_id\":2", "field \"user_id\": is empty"},
      {"\"user_id\":null,\"item_id\":2", "field \"user_id\": is empty"},
      {"\"user_id\":[1],\"item_id\":2",
       "field \"user_id\": not an id, which is a string or a whole number (got "
       "a list)"},
      {"\"user_id\":1,\"item_id\":2,\"timestamp\":\"abc\"",
       "field \"timestamp\": not a number of seconds or a date (got \"abc\")"},
      {"\"user_id\":1,\"item_id\":2,\"timestamp\":true",
       "field \"timestamp\": not a number"},
      {"\"user_id\":1,\"item_id\":2,\"timestamp\":1650825773187",
       "milliseconds belong in a column time_ms"},
      {"\"user_id\":1,\"item_id\":2,\"timestamp\":-5", "before the year 1970"},
      {"\"user_id\":1,\"item_id\":2,\"time_ms\":1.5",
       "field \"time_ms\": not a whole number (got \"1.5\")"},
      {"\"user_id\":1,\"item_id\":2,\"time_ms\":1,\"timestamp\":1",
       "both \"timestamp\" and \"time_ms\""},
      {"\"user_id\":1,\"item_id\":2,\"order\":\"first\"",
       "field \"order\": not a whole number (got \"first\")"},
      {"\"user_id\":1,\"item_id\":2,\"is_click\":2",
       "field \"is_click\": not 0 or 1 (got \"2\")"},
      {"\"user_id\":1,\"item_id\":2,\"action\":\"buy\",\"followed\":[\"x\"]",
       "field \"followed\": is for impressions"},
  };
  for (const auto& row : kTable) {
    Event(StrCat("{", std::string(row.json), "}"));
    EXPECT_THAT(error_, ::testing::AllOf(HasSubstr("f.jsonl:1: "),
                                         HasSubstr(row.error)))
        << row.json;
  }
}

}  // namespace
}  // namespace attune
