#include "child_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

namespace attune {
namespace {

std::string ReadAll(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int DecodeStatus(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace

ChildProcess::ChildProcess(const std::vector<std::string>& arguments,
                           const std::string& directory)
    : output_path_(directory + "/stdout.txt"),
      errors_path_(directory + "/stderr.txt") {
  // What an earlier child wrote must not be taken for this one's.
  std::filesystem::remove(output_path_);
  std::filesystem::remove(errors_path_);
  std::vector<char*> argv = {const_cast<char*>(ATTUNE_PROGRAM)};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_ = ::fork();
  if (pid_ != 0) return;
  // Between fork and exec only what is safe after a fork.
  const int flags = O_WRONLY | O_CREAT | O_TRUNC;
  ::dup2(::open(output_path_.c_str(), flags, 0644), STDOUT_FILENO);
  ::dup2(::open(errors_path_.c_str(), flags, 0644), STDERR_FILENO);
  ::execv(ATTUNE_PROGRAM, argv.data());
  ::_exit(127);
}

ChildProcess::~ChildProcess() {
  if (status_.has_value() || pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  Wait();
}

void ChildProcess::Send(int signal) const { ::kill(pid_, signal); }

int ChildProcess::Wait() {
  int status = 0;
  if (!status_.has_value() && ::waitpid(pid_, &status, 0) == pid_) {
    status_ = DecodeStatus(status);
  }
  return status_.value_or(127);
}

bool ChildProcess::Ended() {
  int status = 0;
  if (!status_.has_value() && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = DecodeStatus(status);
  }
  return status_.has_value();
}

std::string ChildProcess::Output() const { return ReadAll(output_path_); }
std::string ChildProcess::Errors() const { return ReadAll(errors_path_); }

ProgramResult RunProgram(const std::vector<std::string>& arguments,
                         const std::string& directory) {
  ChildProcess process(arguments, directory);
  ProgramResult result;
  result.exit_code = process.Wait();
  result.output = process.Output();
  result.errors = process.Errors();
  return result;
}

}  // namespace attune
