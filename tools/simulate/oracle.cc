#include "tools/simulate/oracle.h"

#include "tools/simulate/shop.h"

namespace attune::simulate {
namespace {

constexpr int kRehearsals = 300;
// Small against one showing in all rehearsals: orders what was never drawn.
constexpr float kUnseenWeight = 0.1f;

}  // namespace

std::vector<float> ExpectedClicks(const World& world, const Reader& reader,
                                  Rng& rng) {
  const ItemIndex n = world.catalogue().size();
  std::vector<float> shown(n, kUnseenWeight);
  for (int k = 0; k < kRehearsals; ++k) {
    const Page page = DrawPage(world, reader, rng);
    for (ItemIndex item : page.shown()) shown[item] += 1;
  }
  for (ItemIndex i = 0; i < n; ++i) {
    shown[i] *= ClickProbability(reader.Appeal(i));
  }
  return shown;
}

uint32_t RankOfClick(const std::vector<float>& expected, const Reader& reader,
                     ItemIndex item) {
  uint32_t above = 0;
  uint32_t equal = 0;
  for (ItemIndex i = 0; i < expected.size(); ++i) {
    if (i == item || reader.HasClicked(i)) continue;
    if (expected[i] > expected[item]) ++above;
    if (expected[i] == expected[item]) ++equal;
  }
  return 1 + above + (equal + 1) / 2;
}

}  // namespace attune::simulate
