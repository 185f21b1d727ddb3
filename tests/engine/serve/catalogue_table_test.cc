#include "engine/catalogue_table.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "base/rng.h"

namespace attune {
namespace {

constexpr int kWidth = 3;

/// A row that owns what it shows.
struct OwnedRow {
  std::string id;
  std::vector<float> x;
  std::vector<uint64_t> categories;
  uint64_t record_hash = 0;
  bool unavailable = false;

  static OwnedRow Random(const std::string& id, Rng& rng) {
    OwnedRow row;
    row.id = id;
    for (int d = 0; d < kWidth; ++d) {
      row.x.push_back(static_cast<float>(rng.Below(1000)));
    }
    const int64_t categories = static_cast<int64_t>(rng.Below(4));
    for (int64_t c = 0; c < categories; ++c) {
      row.categories.push_back(
          CatalogueHash("category " + std::to_string(rng.Below(50))));
    }
    row.record_hash = rng.Below(1u << 30);
    row.unavailable = rng.Bernoulli(0.3);
    return row;
  }
  CatalogueRow View() const {
    return {id, x, categories, record_hash, unavailable};
  }
};

using Rows = std::map<std::string, OwnedRow>;

/// A view holds exactly these rows, each once.
void ExpectRows(const CatalogueView& view, const Rows& rows) {
  ASSERT_EQ(view.rows, static_cast<int64_t>(rows.size()));
  int64_t seen = 0;
  for (size_t b = 0; b < view.blocks.size(); ++b) {
    const CatalogueBlock& block = *view.blocks[b];
    if (b + 1 < view.blocks.size()) {
      EXPECT_EQ(block.rows, CatalogueBlock::kRows) << "a gap in block " << b;
    }
    for (int64_t i = 0; i < block.rows; ++i, ++seen) {
      const auto found = rows.find(block.ids[i]);
      ASSERT_NE(found, rows.end()) << block.ids[i];
      const OwnedRow& expected = found->second;
      const CatalogueRow row = block.Row(i);
      EXPECT_TRUE(std::equal(row.x.begin(), row.x.end(), expected.x.begin()));
      EXPECT_TRUE(std::equal(row.categories.begin(), row.categories.end(),
                             expected.categories.begin(),
                             expected.categories.end()));
      EXPECT_EQ(row.record_hash, expected.record_hash);
      EXPECT_EQ(row.unavailable, expected.unavailable);
      EXPECT_EQ(block.id_hashes[i], CatalogueHash(row.id));
      uint64_t bits = 0;
      for (const uint64_t hash : expected.categories) {
        bits |= CatalogueBlock::CategoryBit(hash);
      }
      EXPECT_EQ(block.category_bits[i], bits);
    }
  }
  EXPECT_EQ(seen, view.rows);
}

// 20,000 random puts, replacements and removals over some 1,500 ids, short and
// long; views of now and then are looked at again after all of it.
TEST(CatalogueTableTest, FollowsAMapAndViewsStayAsTheyWere) {
  Rng rng(3);
  CatalogueTable table(kWidth);
  Rows rows;
  std::vector<std::pair<std::shared_ptr<const CatalogueView>, Rows>> views;
  for (int step = 0; step < 20'000; ++step) {
    std::string id = "id " + std::to_string(rng.Below(1500));
    if (id.size() % 2 == 0) id += " with a long tail of letters";
    // Grows first, shrinks then.
    if (rng.Bernoulli(step < 12'000 ? 0.8 : 0.25)) {
      const OwnedRow row = OwnedRow::Random(id, rng);
      const int64_t place = table.Put(row.View());
      EXPECT_EQ(table.Row(place).id, id);
      rows[id] = row;
    } else {
      table.Remove(id);
      rows.erase(id);
    }
    ASSERT_EQ(table.rows(), static_cast<int64_t>(rows.size()));
    ASSERT_EQ(table.Find(id) >= 0, rows.contains(id));
    if (step % 1500 == 7) views.emplace_back(table.View(), rows);
  }
  views.emplace_back(table.View(), rows);
  for (const auto& [view, expected] : views) ExpectRows(*view, expected);
  for (const auto& [id, row] : Rows(rows)) table.Remove(id);
  EXPECT_EQ(table.rows(), 0);
  EXPECT_EQ(table.View()->blocks.size(), 0u);
  EXPECT_EQ(table.size_bytes(), 0u);
  for (const auto& [view, expected] : views) ExpectRows(*view, expected);
}

// Of a large catalogue only the block that a write touches is another one.
TEST(CatalogueTableTest, AWriteCopiesOneBlock) {
  Rng rng(4);
  CatalogueTable table(kWidth);
  for (int i = 0; i < 10'000; ++i) {
    table.Put(OwnedRow::Random(std::to_string(i), rng).View());
  }
  const auto before = table.View();
  table.Put(OwnedRow::Random("5000", rng).View());
  table.Put(OwnedRow::Random("5001", rng).View());
  const auto after = table.View();
  ASSERT_EQ(before->blocks.size(), after->blocks.size());
  size_t other = 0;
  for (size_t b = 0; b < before->blocks.size(); ++b) {
    other += before->blocks[b] != after->blocks[b] ? 1 : 0;
  }
  EXPECT_EQ(other, 1u);
}

}  // namespace
}  // namespace attune
