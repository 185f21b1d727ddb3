#include "tools/simulate/simulator.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <optional>
#include <system_error>
#include <utility>

#include "base/rng.h"
#include "base/status_macros.h"
#include "tools/simulate/catalogue.h"
#include "tools/simulate/invent.h"
#include "tools/simulate/item_lines.h"
#include "tools/simulate/load_catalogue.h"
#include "tools/simulate/reader.h"
#include "tools/simulate/searches.h"
#include "tools/simulate/session.h"
#include "tools/simulate/world.h"
#include "tools/simulate/writer.h"

namespace attune {
namespace {

using simulate::Catalogue;
using simulate::Event;
using simulate::Reader;
using simulate::ReaderLog;
using simulate::TextWriter;
using simulate::World;

// Separate streams of randomness, so that more users do not change the books.
constexpr uint64_t kWorldStream = 0x776f726c64ULL;
constexpr uint64_t kReaderStream = 0x726561646572ULL;
constexpr uint64_t kSearchStream = 0x736561726368ULL;

absl::Status CheckOptions(const SimulateOptions& options) {
  if (options.out_dir.empty()) {
    return absl::InvalidArgumentError("no output folder given");
  }
  if (options.users == 0) {
    return absl::InvalidArgumentError("users: 0, need at least 1");
  }
  if (options.days < 1 || options.days > 36500) {
    return absl::InvalidArgumentError(
        fmt::format("days: {}, must be 1 to 36500", options.days));
  }
  if (!(options.searches >= 0 && options.searches <= 1)) {
    return absl::InvalidArgumentError(
        fmt::format("searches: {}, must be 0 to 1", options.searches));
  }
  if (options.catalogue.empty() && options.items == 0) {
    return absl::InvalidArgumentError(
        "neither a catalogue nor a number of items to invent is given");
  }
  if (options.items >= simulate::kNone) {
    return absl::InvalidArgumentError(fmt::format(
        "items: {}, must be below {}", options.items, simulate::kNone));
  }
  return absl::OkStatus();
}

absl::StatusOr<Catalogue> MakeCatalogue(const SimulateOptions& options) {
  if (!options.catalogue.empty()) {
    return simulate::LoadCatalogue(options.catalogue, options.items,
                                   options.searches > 0);
  }
  Catalogue catalogue(options.searches > 0);
  for (uint64_t i = 0; i < options.items; ++i) {
    ATTUNE_RETURN_IF_ERROR(
        catalogue.Add(simulate::InventBook(options.seed, i, options.items)));
  }
  return catalogue;
}

std::string UserId(uint64_t number) {
  return fmt::format("u{:05}", number + 1);
}

void FormatEvents(const Catalogue& catalogue, const std::string& user,
                  const std::vector<Event>& events, bool with_query,
                  std::string* out) {
  for (const Event& event : events) {
    fmt::format_to(std::back_inserter(*out),
                   "{}\t{}\t{}\t{}\t{}\t{:d}\t{:d}\t{:d}\t{:d}", user,
                   catalogue.item_id(event.item),
                   event.is_return ? "return" : "impression", event.timestamp_s,
                   event.position, event.clicked, event.commented, event.shared,
                   event.bought);
    if (with_query) *out += '\t' + event.query;
    *out += '\n';
  }
}

void Count(const std::vector<Event>& events, SimulationReport* report) {
  for (const Event& event : events) {
    ++(event.is_return ? report->returns : report->impressions);
    report->clicks += event.clicked;
    report->comments += event.commented;
    report->shares += event.shared;
    report->buys += event.bought;
  }
}

}  // namespace

struct Simulator::Impl {
  explicit Impl(const SimulateOptions& o, Catalogue c)
      : options(o),
        catalogue(std::move(c)),
        world(catalogue, Rng(o.seed ^ kWorldStream).Next()) {}

  /// The writer of one output file.
  absl::StatusOr<TextWriter> Open(const char* name) const {
    return TextWriter::Create(
        (std::filesystem::path(options.out_dir) / name).string(), options.gzip);
  }

  absl::Status WriteItems(TextWriter& items) const {
    std::string line;
    for (uint64_t i = 0; i < options.items; ++i) {
      line.clear();
      simulate::AppendItemLine(
          simulate::InventBook(options.seed, i, options.items), &line);
      ATTUNE_RETURN_IF_ERROR(items.Append(line));
    }
    return absl::OkStatus();
  }

  const SimulateOptions options;
  const Catalogue catalogue;
  const World world;  // refers to catalogue
};

Simulator::Simulator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Simulator::Simulator(Simulator&&) noexcept = default;
Simulator& Simulator::operator=(Simulator&&) noexcept = default;
Simulator::~Simulator() = default;

absl::StatusOr<Simulator> Simulator::Create(const SimulateOptions& options) {
  ATTUNE_RETURN_IF_ERROR(CheckOptions(options));
  ATTUNE_ASSIGN_OR_RETURN(Catalogue catalogue, MakeCatalogue(options));
  return Simulator(std::make_unique<Impl>(options, std::move(catalogue)));
}

absl::StatusOr<SimulationReport> Simulator::Run(
    const Progress& progress) const {
  const SimulateOptions& options = impl_->options;
  const Catalogue& catalogue = impl_->catalogue;
  std::error_code error;
  std::filesystem::create_directories(options.out_dir, error);
  if (error) {
    return absl::ErrnoToStatus(
        error.value(), fmt::format("{}: cannot make folder", options.out_dir));
  }
  std::vector<TextWriter> outputs;  // committed together at the end
  ATTUNE_ASSIGN_OR_RETURN(TextWriter users, impl_->Open("users.tsv"));
  ATTUNE_ASSIGN_OR_RETURN(TextWriter events, impl_->Open("events.tsv"));
  std::optional<TextWriter> truth;
  if (options.truth) {
    ATTUNE_ASSIGN_OR_RETURN(truth, impl_->Open("truth.tsv"));
    ATTUNE_RETURN_IF_ERROR(
        truth->Append("user_id\titem_id\ttimestamp\toracle_rank\n"));
  }
  SimulationReport report;
  report.items = catalogue.size();
  if (options.catalogue.empty()) {
    ATTUNE_ASSIGN_OR_RETURN(TextWriter items, impl_->Open("items.jsonl"));
    ATTUNE_RETURN_IF_ERROR(impl_->WriteItems(items));
    outputs.push_back(std::move(items));
  }
  ATTUNE_RETURN_IF_ERROR(
      users.Append("user_id\tcountry\tage_band\tfavourite_language\n"));
  const bool searches = options.searches > 0;
  ATTUNE_RETURN_IF_ERROR(events.Append(
      fmt::format("user_id\titem_id\taction\ttimestamp\tposition\t"
                  "is_click\tis_comment\tis_share\tis_buy{}\n",
                  searches ? "\tquery" : "")));

  const simulate::Period period{options.start_s, options.days};
  ReaderLog log;
  std::string text;
  for (uint64_t number = 0; number < options.users; ++number) {
    const uint64_t reader_seed =
        Rng(options.seed ^ kReaderStream ^ (number * 0x9e3779b97f4a7c15ULL))
            .Next();
    Reader reader(impl_->world, reader_seed);
    simulate::RunReader(impl_->world, period, options.truth, reader, &log);
    if (searches) {
      Rng rng(reader_seed ^ kSearchStream);
      simulate::AddSearches(catalogue, options.searches, rng, &log);
    }
    const std::string user = UserId(number);
    ATTUNE_RETURN_IF_ERROR(users.Append(fmt::format(
        "{}\t{}\t{}\t{}\n", user, reader.country(), reader.age_band(),
        catalogue.languages().name(reader.stated_language()))));
    text.clear();
    FormatEvents(catalogue, user, log.events, searches, &text);
    ATTUNE_RETURN_IF_ERROR(events.Append(text));
    for (const simulate::Truth& row : log.truths) {
      if (!truth.has_value()) break;
      ATTUNE_RETURN_IF_ERROR(truth->Append(
          fmt::format("{}\t{}\t{}\t{}\n", user, catalogue.item_id(row.item),
                      row.timestamp_s, row.rank)));
    }
    Count(log.events, &report);
    report.users = number + 1;
    if (progress && !progress(report)) {
      return absl::CancelledError("stopped before the end");
    }
  }
  outputs.push_back(std::move(users));
  outputs.push_back(std::move(events));
  if (truth.has_value()) outputs.push_back(*std::move(truth));
  for (TextWriter& output : outputs) {
    ATTUNE_RETURN_IF_ERROR(output.Commit());
    report.files.push_back(output.path());
  }
  return report;
}

}  // namespace attune
