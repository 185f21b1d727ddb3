// The engine's side of the comparison with rivals: times requests, compute
// only, on command, so that a driver can alternate blocks of ours and theirs.
//
//   attune_compute make DIRECTORY CONFIG.json CANDIDATES EVENTS SEED
//   attune_compute serve DIRECTORY f32|bf16 [best|avx512|avx2]
//
// `serve` answers lines of standard input, one line each:
//   score warm|cold     -> "scores" and C numbers
//   run warm|cold N     -> "ns" and N durations
// It ends with its input. An error is "error" and a message.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "attention/instruction_set.h"
#include "base/clock.h"
#include "base/parallel.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/command_loop.h"
#include "bench/rivals/compute_case.h"
#include "engine/io/text_file.h"

namespace attune {
namespace {

absl::Status Make(const std::vector<std::string>& args) {
  if (args.size() != 5) {
    return absl::InvalidArgumentError(
        "make DIRECTORY CONFIG.json CANDIDATES EVENTS SEED");
  }
  ATTUNE_ASSIGN_OR_RETURN(std::string json, ReadTextFile(args[1]));
  ATTUNE_ASSIGN_OR_RETURN(ModelConfig config,
                          ModelConfig::FromJson(json, args[1]));
  return ComputeCase::Write(
      config, std::atoll(args[2].c_str()), std::atoll(args[3].c_str()),
      std::strtoull(args[4].c_str(), nullptr, 10), args[0]);
}

absl::StatusOr<std::string> Answer(ComputeCase& compute,
                                   const std::string& line) {
  std::istringstream words(line);
  std::string command, state;
  words >> command >> state;
  if ((command != "score" && command != "run") ||
      (state != "warm" && state != "cold")) {
    return absl::InvalidArgumentError(StrCat("\"", line, "\" is no command"));
  }
  const bool cold = state == "cold";
  // A warm request finds the state that an earlier one left.
  ATTUNE_RETURN_IF_ERROR(compute.Score(/*cold=*/true).status());
  std::ostringstream out;
  if (command == "score") {
    ATTUNE_ASSIGN_OR_RETURN(std::span<const float> scores, compute.Score(cold));
    out.precision(9);
    out << "scores";
    for (float score : scores) out << ' ' << score;
    return out.str();
  }
  int64_t count = 0;
  words >> count;
  out << "ns";
  for (int64_t i = 0; i < count; ++i) {
    const int64_t start = MonotonicNs();
    ATTUNE_RETURN_IF_ERROR(compute.Score(cold).status());
    out << ' ' << MonotonicNs() - start;
  }
  return out.str();
}

absl::Status Serve(const std::vector<std::string>& args) {
  if (args.size() != 2 && args.size() != 3) {
    return absl::InvalidArgumentError(
        "serve DIRECTORY f32|bf16 [best|avx512|avx2]");
  }
  if (args.size() == 3) ATTUNE_RETURN_IF_ERROR(LimitInstructionSet(args[2]));
  ATTUNE_ASSIGN_OR_RETURN(auto compute, ComputeCase::Load(args[0], args[1]));
  AnswerCommands([&](const std::string& line) {
    absl::StatusOr<std::string> answer = std::string();
    RunSerial([&] { answer = Answer(*compute, line); });
    return answer;
  });
  return absl::OkStatus();
}

absl::Status Main(const std::vector<std::string>& args) {
  const std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1),
                                      args.end());
  if (!args.empty() && args[0] == "make") return Make(rest);
  if (!args.empty() && args[0] == "serve") return Serve(rest);
  return absl::InvalidArgumentError("usage: attune_compute make|serve …");
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  const absl::Status status =
      attune::Main(std::vector<std::string>(argv + 1, argv + argc));
  if (!status.ok()) {
    std::cerr << "attune_compute: " << status.message() << '\n';
    return 1;
  }
  return 0;
}
