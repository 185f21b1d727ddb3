#include "tools/simulate/subjects.h"

namespace attune::simulate {
namespace {

constexpr Subject kSubjects[] = {
    {"sea", {"sea", "大海", "mer", "море"}},
    {"ships", {"ship", "帆船", "navire", "корабль"}},
    {"islands", {"island", "岛屿", "île", "остров"}},
    {"pirates", {"pirate", "海盗", "pirate", "пират"}},
    {"treasure", {"treasure", "宝藏", "trésor", "сокровище"}},
    {"adventure", {"adventure", "冒险", "aventure", "приключение"}},
    {"travel", {"journey", "旅行", "voyage", "путешествие"}},
    {"desert", {"desert", "沙漠", "désert", "пустыня"}},
    {"mountains", {"mountain", "高山", "montagne", "гора"}},
    {"nature", {"forest", "森林", "forêt", "лес"}},
    {"animals", {"wolf", "狼", "loup", "волк"}},
    {"birds", {"bird", "飞鸟", "oiseau", "птица"}},
    {"gardens", {"garden", "花园", "jardin", "сад"}},
    {"country-life", {"village", "村庄", "village", "деревня"}},
    {"childhood", {"childhood", "童年", "enfance", "детство"}},
    {"school", {"school", "学校", "école", "школа"}},
    {"friendship", {"friend", "朋友", "ami", "друг"}},
    {"family", {"family", "家庭", "famille", "семья"}},
    {"mothers", {"mother", "母亲", "mère", "мать"}},
    {"marriage", {"wedding", "婚礼", "mariage", "свадьба"}},
    {"love", {"love", "爱情", "amour", "любовь"}},
    {"letters", {"letter", "书信", "lettre", "письмо"}},
    {"poetry", {"poem", "诗歌", "poème", "стихи"}},
    {"music", {"song", "歌曲", "chanson", "песня"}},
    {"art", {"painter", "画家", "peintre", "художник"}},
    {"city-life", {"city", "城市", "ville", "город"}},
    {"money", {"money", "金钱", "argent", "деньги"}},
    {"trade", {"merchant", "商人", "marchand", "купец"}},
    {"poverty", {"beggar", "乞丐", "mendiant", "нищий"}},
    {"crime", {"thief", "盗贼", "voleur", "вор"}},
    {"detective", {"detective", "侦探", "détective", "сыщик"}},
    {"law", {"judge", "法官", "juge", "судья"}},
    {"politics", {"minister", "大臣", "ministre", "министр"}},
    {"revolution", {"revolution", "革命", "révolution", "революция"}},
    {"war", {"war", "战争", "guerre", "война"}},
    {"spies", {"spy", "间谍", "espion", "шпион"}},
    {"history", {"empire", "帝国", "empire", "империя"}},
    {"chivalry", {"knight", "骑士", "chevalier", "рыцарь"}},
    {"mythology", {"god", "神灵", "dieu", "бог"}},
    {"fairy-tales", {"dragon", "巨龙", "dragon", "дракон"}},
    {"fantasy", {"magic", "魔法", "magie", "волшебство"}},
    {"ghosts", {"ghost", "鬼魂", "fantôme", "призрак"}},
    {"death", {"death", "死亡", "mort", "смерть"}},
    {"religion", {"monk", "僧侣", "moine", "монах"}},
    {"philosophy", {"truth", "真理", "vérité", "истина"}},
    {"mathematics", {"number", "数字", "nombre", "число"}},
    {"astronomy", {"star", "星辰", "étoile", "звезда"}},
    {"machines", {"machine", "机器", "machine", "машина"}},
};

constexpr std::string_view kPlaces[4][12] = {
    {"Avonmouth", "Blackheath", "Carrow", "Dunmore", "Elmswood", "Fairhaven",
     "Greystone", "Holloway", "Kingsbridge", "Lowmere", "Northgate",
     "Stonefield"},
    {"青石镇", "白鹿山", "落霞岛", "云梦泽", "长安街", "望江楼", "桃花渡",
     "寒山寺", "黄沙城", "雁门关", "柳叶湖", "明月港"},
    {"Belmont", "Clairval", "Courbevent", "Grandpré", "Hautecombe", "Montclair",
     "Noirlac", "Port-Blanc", "Rochefleur", "Sainte-Lune", "Valdor",
     "Villeneuve"},
    {"Белогорск", "Вязовка", "Заречье", "Каменка", "Лукоморье", "Медведково",
     "Новополье", "Озёрск", "Покровское", "Светлоград", "Тихвинка",
     "Ясногорье"}};

constexpr std::string_view kGivenNames[] = {
    "Ada",   "Boris", "Clara",  "Dmitri", "Elena",  "Felix",  "Grace", "Hao",
    "Irina", "Jean",  "Kira",   "Louis",  "Mei",    "Nina",   "Oscar", "Paul",
    "Quan",  "Rosa",  "Samuel", "Tanya",  "Ursula", "Victor", "Wen",   "Yuri"};

constexpr std::string_view kFamilyNames[] = {
    "Archer",  "Bellamy", "Chen",    "Dubois",  "Evans",   "Fontaine",
    "Gorin",   "Harper",  "Ivanova", "Jordan",  "Kuznets", "Lambert",
    "Moreau",  "Novak",   "Orlov",   "Park",    "Quennel", "Rousset",
    "Sokolov", "Tang",    "Umberly", "Volkova", "Wang",    "Xu",
    "Young",   "Zhang",   "Ashdown", "Brandt",  "Castel",  "Darnley",
    "Esher",   "Farrow"};

constexpr std::string_view kShelves[] = {
    "novels",  "poetry",   "drama",     "philosophy",    "history",
    "science", "children", "adventure", "short-stories", "religion-myth"};

}  // namespace

std::span<const Subject> Subjects() { return kSubjects; }
std::span<const std::string_view> Places(size_t language) {
  return kPlaces[language];
}
std::span<const std::string_view> GivenNames() { return kGivenNames; }
std::span<const std::string_view> FamilyNames() { return kFamilyNames; }
std::span<const std::string_view> Shelves() { return kShelves; }

}  // namespace attune::simulate
