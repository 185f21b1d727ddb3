#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <vector>

namespace attune {

/// The program under test as a child process, its output in files.
class ChildProcess {
 public:
  /// Starts `attune <arguments>`; output goes to `directory`.
  ChildProcess(const std::vector<std::string>& arguments,
               const std::string& directory);
  /// Kills it if it still runs.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void Send(int signal) const;
  /// Waits for its end. The exit code, or minus the signal that ended it.
  int Wait();
  /// Whether it has ended by now.
  bool Ended();

  std::string Output() const;
  std::string Errors() const;

 private:
  std::string output_path_;
  std::string errors_path_;
  pid_t pid_ = -1;
  std::optional<int> status_;
};

struct ProgramResult {
  int exit_code = 0;
  std::string output;
  std::string errors;
};

/// Runs the program to its end.
ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::string& directory);

}  // namespace attune
