#pragma once

#include <sys/types.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

namespace attune {

/// A program that runs beside a test, which writes to its input and reads its
/// output line by line. Killed and reaped by the destructor.
class PipedProcess {
 public:
  PipedProcess(const std::string& program,
               const std::vector<std::string>& arguments);
  ~PipedProcess();
  PipedProcess(const PipedProcess&) = delete;
  PipedProcess& operator=(const PipedProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// The next line of its output without the line end; empty at its end.
  std::string ReadLine();
  /// Sends a line to its input.
  void WriteLine(const std::string& line);
  /// kill -9, and waits for the end.
  void Kill();
  /// Waits for the end: the exit code, or -signal.
  int Wait();

 private:
  pid_t pid_ = -1;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> output_;
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> input_;
};

}  // namespace attune
