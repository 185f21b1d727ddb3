#pragma once

#include <iostream>
#include <string>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"

namespace attune {

/// How a driver alternates programs: prints "ready", then answers each line of
/// standard input by one line, "error" and a message where `answer` fails. Ends
/// with its input.
inline void AnswerCommands(
    absl::FunctionRef<absl::StatusOr<std::string>(const std::string&)> answer) {
  std::cout << "ready" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
    const absl::StatusOr<std::string> result = answer(line);
    if (result.ok()) {
      std::cout << *result << std::endl;
    } else {
      std::cout << "error " << result.status().message() << std::endl;
    }
  }
}

}  // namespace attune
