#include "engine/rank/response_table.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>

#include "engine/rank/text_table.h"

namespace attune {
namespace {

void AddItem(v1::RankResponse& response, std::string id, double score,
             double click) {
  v1::RankedItem* item = response.add_items();
  item->set_rank(static_cast<uint32_t>(response.items_size()));
  item->set_item_id(std::move(id));
  item->set_score(score);
  item->add_task_probabilities(click);
}

void AddReason(v1::Explanation& explanation, std::string id, std::string title,
               std::string action, double attention) {
  v1::Reason* reason = explanation.add_reasons();
  reason->set_item_id(std::move(id));
  reason->set_title(std::move(title));
  reason->set_action(std::move(action));
  reason->set_attention(attention);
}

TEST(ResponseTableTest, AlignsAndExplains) {
  v1::RankResponse response;
  response.set_model("v3");
  response.set_candidates_scored(400);
  response.set_retrieved(true);
  response.set_history_length(34);
  response.add_tasks("click");
  AddItem(response, "b17", 0.42134, 0.381);
  v1::Explanation* why = response.mutable_items(0)->mutable_explanation();
  why->set_match_part(1.254);
  why->set_fusion_part(-0.081);
  AddReason(*why, "b2", "The Woman in White", "buy", 0.321);
  AddReason(*why, "b3", "", "read", 0.21);
  AddReason(*why, "b4", "Emma", "dog-ear", 0.05);
  AddReason(*why, "b5", "Never shown", "read", 0.01);
  AddItem(response, "book-100", 0.0031, 0.0042);
  const ResponseTableOptions options{
      .title_of = [](std::string_view id) -> std::string {
        return id == "b17" ? "红楼梦" : "Madame Bovary";
      }};
  EXPECT_EQ(ResponseToTable(response, options),
            "2 of 400 items, found by the match term; history of 34 events; "
            "model v3\n"
            "rank  item      title           score  click  match  features\n"
            "   1  b17       红楼梦         0.4213  38.1%  +1.25     -0.08\n"
            "      because you bought The Woman in White (32%), read b3 (21%), "
            "did \"dog-ear\" with Emma (5%)\n"
            "   2  book-100  Madame Bovary  0.0031  0.42%\n");
}

TEST(ResponseTableTest, AReasonShowsHowFarTheScoreFallsWithoutIt) {
  v1::Explanation why;
  AddReason(why, "b2", "Emma", "buy", 0.9);
  why.mutable_reasons(0)->set_effect(0.18321);
  AddReason(why, "b3", "Persuasion", "like", 0.1);
  why.mutable_reasons(1)->set_effect(-0.0051);
  EXPECT_EQ(ReasonsToText(why),
            "because you bought Emma (+0.18), liked Persuasion (-0.0051)");
  EXPECT_EQ(ReasonsToText(why, 1), "because you bought Emma (+0.18)");
  EXPECT_EQ(ReasonsToText({}), "");
}

TEST(ResponseTableTest, SaysWhatWasUnusual) {
  v1::RankResponse response;
  response.set_candidates_scored(1);
  response.set_history_length(1);
  response.set_warm(true);
  response.set_unknown_items(1);
  response.add_degraded("decoder left out");
  AddItem(response, "x", std::numeric_limits<double>::quiet_NaN(), 0.5);
  EXPECT_EQ(ResponseToTable(response),
            "1 of 1 item; history of 1 event (state kept); 1 unknown; to meet "
            "the deadline: decoder left out\n"
            "rank  item  score\n"
            "   1  x         -\n");
  EXPECT_EQ(ResponseToTable({}),
            "0 of 0 items; no history\nrank  item  score\n");
}

TEST(ResponseTableTest, ScoresKeepFourDigitsAtAnySize) {
  const auto score_text = [](double score) {
    v1::RankResponse response;
    AddItem(response, "x", score, 0);
    const std::string text = ResponseToTable(response);
    return text.substr(text.rfind(' ') + 1);
  };
  EXPECT_EQ(score_text(0), "0.0000\n");
  EXPECT_EQ(score_text(-12.34567), "-12.346\n");
  EXPECT_EQ(score_text(123456.7), "123457\n");
  EXPECT_EQ(score_text(1.5e-7), "1.500e-07\n");
  EXPECT_EQ(score_text(2.5e9), "2.500e+09\n");
}

TEST(TextTableTest, MeasuresWhatATerminalShows) {
  EXPECT_EQ(DisplayWidth("abc"), 3u);
  EXPECT_EQ(DisplayWidth("红楼梦"), 6u);
  EXPECT_EQ(DisplayWidth("Война"), 5u);
  EXPECT_EQ(DisplayWidth("e\xcc\x81t\xc3\xa9"), 3u) << "combining and composed";
  EXPECT_EQ(DisplayWidth("\xff\xe7\xba"), 3u) << "broken bytes";
  EXPECT_EQ(DisplayWidth("📚"), 2u);
  EXPECT_EQ(CutToWidth("红楼梦", 6), "红楼梦");
  EXPECT_EQ(CutToWidth("红楼梦", 5), "红楼…");
  EXPECT_EQ(CutToWidth("红楼梦", 4), "红…");
  EXPECT_EQ(CutToWidth("abc", 1), "…");
  EXPECT_EQ(CutToWidth("abc", 0), "");
}

TEST(TextTableTest, TakesRowsOfAnyLength) {
  TextTable table({{"a"}, {"b", TextTable::kRight}});
  table.AddRow({"1"});
  table.AddRow({"1", "2", "3"});
  table.AddRow({});
  EXPECT_EQ(table.ToString(), "a  b\n1\n1  2\n\n");
}

}  // namespace
}  // namespace attune
