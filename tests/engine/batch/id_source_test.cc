#include "engine/batch/id_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "engine/batch/gzip_member.h"
#include "tests/temporary_directory.h"

namespace attune {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class IdSourceTest : public ::testing::Test {
 protected:
  std::vector<std::string> Ids(const std::string& name,
                               std::string_view content) {
    absl::StatusOr<std::vector<std::string>> ids =
        ReadIdFile(dir_.Write(name, content), "user_id");
    EXPECT_TRUE(ids.ok()) << ids.status();
    return ids.ok() ? *ids : std::vector<std::string>();
  }
  std::string ErrorOf(const std::string& name, std::string_view content) {
    const absl::StatusOr<std::vector<std::string>> ids =
        ReadIdFile(dir_.Write(name, content), "user_id");
    EXPECT_FALSE(ids.ok());
    return std::string(ToStd(ids.status().message()));
  }
  std::string Gzip(std::string_view text) { return *GzipMember(text); }

  TemporaryDirectory dir_;
};

TEST_F(IdSourceTest, ReadsEveryFormat) {
  EXPECT_THAT(Ids("a.txt", "u1\nu 2\r\n\n  \nu1\n7"),
              ElementsAre("u1", "u 2", "u1", "7"));
  EXPECT_THAT(Ids("list", "\xef\xbb\xbfu1\n用户\n"), ElementsAre("u1", "用户"));
  EXPECT_THAT(Ids("a.tsv", "age\tuser_id\n3\tu1\n\tu2\n"),
              ElementsAre("u1", "u2"));
  EXPECT_THAT(Ids("b.tsv", "user_id\nu1\n"), ElementsAre("u1"));
  EXPECT_THAT(
      Ids("a.jsonl", "{\"user_id\":\"u1\",\"x\":[1]}\n{\"user_id\":12}"),
      ElementsAre("u1", "12"));
  EXPECT_THAT(Ids("b.txt", "user_id\tage\nu1\t3\n"), ElementsAre("u1"));
  EXPECT_THAT(Ids("c.txt", "user_id\nu1\n"), ElementsAre("u1"));
  EXPECT_THAT(Ids("d.txt", "{\"user_id\":\"u1\"}\n"), ElementsAre("u1"));
  EXPECT_THAT(Ids("a.txt.gz", Gzip("u1\n") + Gzip("u2\n")),
              ElementsAre("u1", "u2"));
  EXPECT_THAT(Ids("a.jsonl.gz", Gzip("{\"user_id\":\"u1\"}\n")),
              ElementsAre("u1"));
  EXPECT_THAT(Ids("empty.txt", ""), ElementsAre());
}

TEST_F(IdSourceTest, NamesThePlaceOfABadRow) {
  EXPECT_THAT(ErrorOf("a.jsonl", "{\"user_id\":\"u1\"}\n{\"user_id\":"),
              HasSubstr("a.jsonl:2: broken JSON"));
  EXPECT_THAT(ErrorOf("a.jsonl", "{\"user\":\"u1\"}\n"),
              HasSubstr("a.jsonl:1: field \"user_id\": missing"));
  EXPECT_THAT(ErrorOf("a.jsonl", "{\"user_id\":null}\n"),
              HasSubstr("a.jsonl:1: field \"user_id\": missing"));
  EXPECT_THAT(ErrorOf("a.jsonl", "{\"user_id\":\"\"}\n"),
              HasSubstr("field \"user_id\": empty"));
  EXPECT_THAT(ErrorOf("a.jsonl", "{\"user_id\":[\"u\"]}\n"),
              HasSubstr("field \"user_id\": not an id, which is a string or a "
                        "whole number (got a list)"));
  EXPECT_THAT(
      ErrorOf("a.jsonl", "{\"user_id\":true}\n"),
      HasSubstr("not an id, which is a string or a whole number (got true)"));
  EXPECT_THAT(ErrorOf("a.tsv", "id\tage\nu1\t3\n"),
              HasSubstr("a.tsv:1: no column \"user_id\"; columns: id, age"));
  EXPECT_THAT(ErrorOf("a.tsv", "user_id\tage\nu1\t3\nu2\n"),
              HasSubstr("a.tsv:3"));
  EXPECT_THAT(ErrorOf("a.txt", "u1\nu2\tx\n"), HasSubstr("a.txt:2: a tab in"));
  EXPECT_THAT(ErrorOf("a.txt", "u1\n\xff\n"),
              HasSubstr("a.txt:2: the id is not valid UTF-8"));
  EXPECT_THAT(ErrorOf("a.csv", "user_id\nu1\n"), HasSubstr("CSV is not read"));
  const std::string gzip = Gzip("u1\nu2\nu3\n");
  EXPECT_THAT(ErrorOf("a.txt.gz", gzip.substr(0, gzip.size() - 5)),
              HasSubstr("truncated"));
  EXPECT_THAT(ErrorOf("b.txt.gz", "u1\n"), HasSubstr("not gzip"));
  EXPECT_FALSE(ReadIdFile(dir_.File("none.txt"), "user_id").ok());
}

TEST_F(IdSourceTest, KnowsItsLengthAndPlace) {
  absl::StatusOr<std::unique_ptr<IdSource>> file =
      OpenIdFile(dir_.Write("a.txt", "u1\n\nu2\n"), "user_id");
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ((*file)->total(), 2);
  std::string id;
  EXPECT_TRUE(*(*file)->Next(&id));
  EXPECT_TRUE(*(*file)->Next(&id));
  EXPECT_EQ(id, "u2");
  EXPECT_EQ((*file)->where(), dir_.File("a.txt:3"));
  EXPECT_FALSE(*(*file)->Next(&id));

  const std::unique_ptr<IdSource> list = IdsOf({"x", "y"});
  EXPECT_EQ(list->total(), 2);
  EXPECT_TRUE(*list->Next(&id));
  EXPECT_TRUE(*list->Next(&id));
  EXPECT_EQ(id, "y");
  EXPECT_EQ(list->where(), "number 2");
  EXPECT_FALSE(*list->Next(&id));
}

TEST(IdSourceOnRealDataTest, ReadsUsersAndItems) {
  const std::string data = ATTUNE_SOURCE_DIR "/../shared/data/";
  if (!std::filesystem::exists(data + "sample-books/users.tsv")) {
    GTEST_SKIP() << "no " << data;
  }
  const absl::StatusOr<std::vector<std::string>> users =
      ReadIdFile(data + "sample-books/users.tsv", "user_id");
  ASSERT_TRUE(users.ok()) << users.status();
  EXPECT_EQ(users->size(), 2000u);
  EXPECT_EQ(users->front(), "4");
  const absl::StatusOr<std::vector<std::string>> items =
      ReadIdFile(data + "sample-books/items.jsonl", "item_id");
  ASSERT_TRUE(items.ok()) << items.status();
  EXPECT_EQ(items->size(), 1000u);
  EXPECT_EQ(items->front(), "1") << "numbers become their text";
  const absl::StatusOr<std::vector<std::string>> zipped =
      ReadIdFile(data + "kuairand/users.tsv.gz", "user_id");
  ASSERT_TRUE(zipped.ok()) << zipped.status();
  EXPECT_GT(zipped->size(), 1000u);
}

}  // namespace
}  // namespace attune
