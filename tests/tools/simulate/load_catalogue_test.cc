#include "tools/simulate/load_catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <fstream>

#include "tests/tools/simulate/shop_logs.h"

namespace attune::simulate {
namespace {

using ::testing::HasSubstr;

class LoadCatalogueTest : public ::testing::Test {
 protected:
  std::string Write(const std::string& text) {
    const std::string path = MakeFolder() + "/items.jsonl";
    std::ofstream(path) << text;
    return path;
  }

  /// The error's text for a file of this content.
  std::string ErrorOf(const std::string& text) {
    absl::StatusOr<Catalogue> catalogue = LoadCatalogue(Write(text), 0);
    EXPECT_FALSE(catalogue.ok()) << text;
    return catalogue.ok() ? "" : std::string(catalogue.status().message());
  }
};

TEST_F(LoadCatalogueTest, ReadsFieldsBlankLinesAndAMissingLastLineBreak) {
  absl::StatusOr<Catalogue> catalogue = LoadCatalogue(
      Write("{\"item_id\":\"a\",\"tags\":[\"x\",\"y\",\"x\"],"
            "\"authors\":[\"P\",\"Q\"],\"language\":\"fr\",\"year\":-20}\r\n"
            "  \n"
            "{\"item_id\":7,\"tags\":\"y\",\"more\":{\"z\":1}}"),
      0);
  ASSERT_TRUE(catalogue.ok()) << catalogue.status();
  ASSERT_EQ(catalogue->size(), 2u);
  EXPECT_EQ(catalogue->item_id(0), "a");
  EXPECT_EQ(catalogue->item_id(1), "7");
  EXPECT_THAT(catalogue->tags(0), ::testing::ElementsAre(0, 1));
  EXPECT_THAT(catalogue->tags(1), ::testing::ElementsAre(1));
  EXPECT_EQ(catalogue->author(0), 0u);
  EXPECT_EQ(catalogue->author(1), kNone);
  EXPECT_EQ(catalogue->year(0), -20);
  EXPECT_EQ(catalogue->languages().name(catalogue->language(0)), "fr");
}

TEST_F(LoadCatalogueTest, ErrorsNameFileLineAndField) {
  const std::string good = "{\"item_id\":\"a\"}\n";
  EXPECT_THAT(ErrorOf(good + "{\"item_id\":\n"),
              HasSubstr("items.jsonl:2: not valid JSON"));
  EXPECT_THAT(ErrorOf(good + "[1]\n"), HasSubstr(":2: not a JSON object"));
  EXPECT_THAT(ErrorOf("{\"title\":\"t\"}\n"),
              HasSubstr(":1: field \"item_id\": missing"));
  EXPECT_THAT(ErrorOf("{\"item_id\":1.5}\n"), HasSubstr("\"item_id\""));
  EXPECT_THAT(ErrorOf("{\"item_id\":\"\"}\n"), HasSubstr("empty"));
  EXPECT_THAT(ErrorOf("{\"item_id\":\"a\\tb\"}\n"), HasSubstr("tab"));
  EXPECT_THAT(ErrorOf(good + "{\"item_id\":\"b\"}\n" + good),
              HasSubstr(":3: field \"item_id\": \"a\" is already item number "
                        "1"));
  EXPECT_THAT(ErrorOf("{\"item_id\":\"a\",\"tags\":[\"x\",3]}\n"),
              HasSubstr("field \"tags\": not a list of strings"));
  EXPECT_THAT(ErrorOf("{\"item_id\":\"a\",\"year\":\"1800\"}\n"),
              HasSubstr("field \"year\""));
  EXPECT_THAT(ErrorOf("{\"item_id\":\"a\",\"language\":[]}\n"),
              HasSubstr("field \"language\""));
  EXPECT_THAT(ErrorOf(""), HasSubstr("holds no items"));
}

TEST_F(LoadCatalogueTest, LimitTakesTheFirstItemsOrSaysHowManyThereAre) {
  const std::string path =
      Write("{\"item_id\":\"a\"}\n{\"item_id\":\"b\"}\nnot read\n");
  EXPECT_EQ(LoadCatalogue(path, 2)->size(), 2u);
  const std::string two = Write("{\"item_id\":\"a\"}\n{\"item_id\":\"b\"}\n");
  const absl::Status status = LoadCatalogue(two, 3).status();
  EXPECT_TRUE(absl::IsOutOfRange(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("2 items, 3 were"));
}

TEST_F(LoadCatalogueTest, ReadsGzipAndNoticesATruncatedOne) {
  const std::string folder = MakeFolder();
  const std::string whole = folder + "/whole.gz";
  gzFile file = gzopen(whole.c_str(), "wb");
  std::string text;
  for (int i = 0; i < 500; ++i) {
    text += "{\"item_id\":\"" + std::to_string(i * 7919) + "\"}\n";
  }
  ASSERT_GT(gzwrite(file, text.data(), text.size()), 0);
  ASSERT_EQ(gzclose(file), Z_OK);
  EXPECT_EQ(LoadCatalogue(whole, 0)->size(), 500u);

  std::ifstream in(whole, std::ios::binary);
  std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const std::string cut = folder + "/cut.gz";
  std::ofstream(cut, std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size() / 2));
  const absl::Status status = LoadCatalogue(cut, 0).status();
  EXPECT_THAT(std::string(status.message()), HasSubstr("cut.gz:"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("truncated"));
}

TEST_F(LoadCatalogueTest, MissingFileIsNamed) {
  const absl::Status status = LoadCatalogue("/no/such/items.jsonl", 0).status();
  EXPECT_TRUE(absl::IsNotFound(status));
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("/no/such/items.jsonl: cannot open: No such file"));
}

}  // namespace
}  // namespace attune::simulate
