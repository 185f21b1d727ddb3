#include "tests/piped_process.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace attune {

PipedProcess::PipedProcess(const std::string& program,
                           const std::vector<std::string>& arguments)
    : output_(nullptr, &std::fclose), input_(nullptr, &std::fclose) {
  int from_child[2];
  int to_child[2];
  EXPECT_EQ(pipe(from_child), 0);
  EXPECT_EQ(pipe(to_child), 0);
  std::vector<char*> argv = {const_cast<char*>(program.c_str())};
  for (const std::string& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  pid_ = fork();
  EXPECT_GE(pid_, 0);
  if (pid_ == 0) {
    dup2(from_child[1], STDOUT_FILENO);
    dup2(to_child[0], STDIN_FILENO);
    for (const int end :
         {from_child[0], from_child[1], to_child[0], to_child[1]}) {
      close(end);
    }
    execv(argv[0], argv.data());
    _exit(127);
  }
  close(from_child[1]);
  close(to_child[0]);
  output_.reset(fdopen(from_child[0], "r"));
  input_.reset(fdopen(to_child[1], "w"));
}

PipedProcess::~PipedProcess() {
  if (pid_ > 0) Kill();
}

std::string PipedProcess::ReadLine() {
  std::string line;
  int c;
  while ((c = std::fgetc(output_.get())) != EOF && c != '\n') {
    line.push_back(static_cast<char>(c));
  }
  return line;
}

void PipedProcess::WriteLine(const std::string& line) {
  std::fputs((line + "\n").c_str(), input_.get());
  std::fflush(input_.get());
}

void PipedProcess::Kill() {
  kill(pid_, SIGKILL);
  Wait();
}

int PipedProcess::Wait() {
  int status = 0;
  EXPECT_EQ(waitpid(pid_, &status, 0), pid_);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace attune
