#include "tools/simulate/shop.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/tools/simulate/shop_logs.h"
#include "tools/simulate/load_catalogue.h"
#include "tools/simulate/oracle.h"

namespace attune::simulate {
namespace {

class ShopTest : public ::testing::Test {
 protected:
  ShopTest()
      : catalogue_(*LoadCatalogue(BookshopPath(), 0)), world_(catalogue_, 7) {}

  const Catalogue catalogue_;
  const World world_;
};

TEST_F(ShopTest, PagesHoldDistinctBooksAndNoneThatWasBought) {
  Rng rng(1);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Reader reader(world_, seed);
    reader.AdvanceTo(1'700'000'000);
    reader.StartSession();
    for (ItemIndex item = 0; item < catalogue_.size(); item += 3) {
      reader.OnClick(item, 1'700'000'000);
      reader.OnBuy(item, 1'700'000'000);
    }
    const Page page = DrawPage(world_, reader, rng);
    EXPECT_EQ(page.size, Page::kSlots);
    std::set<ItemIndex> distinct;
    for (ItemIndex item : page.shown()) {
      EXPECT_NE(item % 3, 0u);
      EXPECT_TRUE(distinct.insert(item).second);
    }
  }
}

TEST_F(ShopTest, ATinyShopShowsWhatItHas) {
  Catalogue two;
  BookRecord book;
  book.item_id = "a";
  ASSERT_TRUE(two.Add(book).ok());
  book.item_id = "b";
  book.tags = {"x"};
  ASSERT_TRUE(two.Add(book).ok());
  const World world(two, 1);
  Reader reader(world, 1);
  reader.AdvanceTo(1000);
  reader.StartSession();
  Rng rng(1);
  const Page page = DrawPage(world, reader, rng);
  EXPECT_GE(page.size, 1);
  EXPECT_LE(page.size, 2);
}

TEST_F(ShopTest, ExaminationFallsDownThePage) {
  EXPECT_FLOAT_EQ(ExaminationProbability(0, 1), 1);
  for (int place = 1; place < Page::kSlots; ++place) {
    EXPECT_LT(ExaminationProbability(place, 1),
              ExaminationProbability(place - 1, 1));
    EXPECT_LT(ExaminationProbability(place, 0.5f),
              ExaminationProbability(place, 2));
  }
}

TEST_F(ShopTest, SuccessorIsTheAuthorsNextBook) {
  auto find = [&](const std::string& id) {
    for (ItemIndex i = 0; i < catalogue_.size(); ++i) {
      if (catalogue_.item_id(i) == id) return i;
    }
    return kNone;
  };
  // Sense and Sensibility (1811), Pride and Prejudice (1813), ... Persuasion.
  EXPECT_EQ(world_.Successor(find("b0001")), find("b0002"));
  const ItemIndex after_last = world_.Successor(find("b0006"));
  ASSERT_NE(after_last, kNone);
  EXPECT_NE(catalogue_.author(after_last), catalogue_.author(find("b0006")));
  EXPECT_EQ(catalogue_.language(after_last),
            catalogue_.language(find("b0006")));
}

TEST_F(ShopTest, BuyingRaisesTheAppealOfTheSuccessorUntilItIsClicked) {
  Reader reader(world_, 11);
  int64_t now = 1'700'000'000;
  reader.AdvanceTo(now);
  reader.StartSession();
  const ItemIndex book = 0;
  const ItemIndex next = world_.Successor(book);
  // Not every purchase starts a continuation: buy until one does.
  for (int k = 0; k < 50 && !reader.WantsToContinue(); ++k) {
    reader.OnBuy(book, now);
  }
  ASSERT_TRUE(reader.WantsToContinue());
  const float wanted = reader.Appeal(next);
  reader.AdvanceTo(now + 31 * 86400);
  EXPECT_FALSE(reader.WantsToContinue()) << "a wish lasts 30 days";
  EXPECT_LT(reader.Appeal(next), wanted);
}

TEST_F(ShopTest, TheTableChangesEveryWeekAndKeepsToItsLanguage) {
  constexpr int64_t kWeek = 7 * 86400;
  const int64_t monday = 2800 * kWeek;
  std::set<ItemIndex> weeks;
  for (uint32_t language = 0; language < 4; ++language) {
    for (uint32_t place = 0; place < World::kTableBooks; ++place) {
      const ItemIndex item = world_.OnTable(language, monday, place);
      EXPECT_EQ(catalogue_.language(item), language);
      EXPECT_TRUE(world_.IsOnTable(item, monday));
      EXPECT_EQ(world_.OnTable(language, monday + kWeek - 1, place), item);
    }
  }
  for (int week = 0; week < 20; ++week) {
    weeks.insert(world_.OnTable(0, monday + week * kWeek, 0));
  }
  EXPECT_GT(weeks.size(), 15u);
}

TEST_F(ShopTest, OracleExpectsWhatTheReaderLikes) {
  // Over many readers, the expected clicks must forecast the clicks of a page
  // much better than chance (465 items: mean rank 233).
  Rng rng(2);
  double sum = 0;
  int clicks = 0;
  for (uint64_t seed = 100; seed < 160; ++seed) {
    Reader reader(world_, seed);
    reader.AdvanceTo(1'700'000'000);
    reader.StartSession();
    const std::vector<float> expected = ExpectedClicks(world_, reader, rng);
    const Page page = DrawPage(world_, reader, rng);
    for (ItemIndex item : page.shown()) {
      if (!rng.Bernoulli(ClickProbability(reader.Appeal(item)))) continue;
      sum += RankOfClick(expected, reader, item);
      ++clicks;
    }
  }
  ASSERT_GT(clicks, 50);
  EXPECT_LT(sum / clicks, 70);
}

}  // namespace
}  // namespace attune::simulate
