// The trainer's side of the comparison with PyTorch: the data and one step's
// gradients as files, and steps on command, so that a driver can alternate
// blocks of ours and theirs.
//
//   attune_training DATABASE CONFIG.json THREADS
//
// answers lines of standard input, one line each:
//   export DIRECTORY          -> "ok"   see TrainingCase::Export
//   gradients SEED DIRECTORY  -> "ok"   see TrainingCase::WriteGradients
//   train STEPS               -> "trained", rows, nanoseconds, mean loss
// It ends with its input. An error is "error" and a message.
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "bench/command_loop.h"
#include "bench/rivals/training_case.h"

namespace attune {
namespace {

absl::StatusOr<std::string> Answer(TrainingCase& training,
                                   const std::string& line) {
  std::istringstream words(line);
  std::string command;
  words >> command;
  if (command == "export") {
    std::string directory;
    words >> directory;
    ATTUNE_RETURN_IF_ERROR(training.Export(directory));
    return std::string("ok");
  }
  if (command == "gradients") {
    uint64_t seed = 0;
    std::string directory;
    words >> seed >> directory;
    ATTUNE_RETURN_IF_ERROR(training.WriteGradients(seed, directory));
    return std::string("ok");
  }
  if (command == "train") {
    int64_t steps = 0;
    words >> steps;
    ATTUNE_ASSIGN_OR_RETURN(const TrainingCase::Progress progress,
                            training.Train(steps));
    std::ostringstream out;
    out << "trained " << progress.rows << ' ' << progress.ns << ' '
        << progress.loss;
    return out.str();
  }
  return absl::InvalidArgumentError(StrCat("\"", line, "\" is no command"));
}

absl::Status Serve(const std::string& database, const std::string& config,
                   int threads) {
  ATTUNE_ASSIGN_OR_RETURN(auto training,
                          TrainingCase::Open(database, config, threads));
  AnswerCommands(
      [&](const std::string& line) { return Answer(*training, line); });
  return absl::OkStatus();
}

}  // namespace
}  // namespace attune

int main(int argc, char** argv) {
  if (argc != 4 || std::atoi(argv[3]) < 1) {
    std::cerr << "usage: attune_training DATABASE CONFIG.json THREADS\n";
    return 2;
  }
  const absl::Status status =
      attune::Serve(argv[1], argv[2], std::atoi(argv[3]));
  if (!status.ok()) {
    std::cerr << "attune_training: " << status.message() << '\n';
    return 1;
  }
  return 0;
}
