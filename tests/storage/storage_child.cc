// The other process of the two-process tests.
//   storage_child hold PATH            opens for writing, says "open", closes
//                                      when its input ends
//   storage_child write PATH MEGABYTES appends events without end, two in a
//                                      group, and says a group's number when it
//                                      is acknowledged; write buffer as given
//   storage_child obey PATH            per line of input one step, then "done":
//                                      "append N" events, "bulk N", "flush",
//                                      "compact", "delete"
//   storage_child fill PATH            see DiskFiller
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "tests/storage/test_database.h"

namespace attune::storage {
namespace {

int Fail(const absl::Status& status) {
  std::cout << "error: " << status << std::endl;
  return 1;
}

absl::Status AppendNumbered(WriteGroup& group, int64_t number) {
  v1::Event event = MakeEvent("user" + std::to_string(number % 7),
                              "item" + std::to_string(number % 11), number);
  event.set_event_id("event" + std::to_string(number));
  return Append(group, event);
}

int Hold(const std::string& path) {
  auto database = Database::Open(WriterOptions(path));
  if (!database.ok()) return Fail(database.status());
  std::cout << "open" << std::endl;
  std::string line;
  while (std::getline(std::cin, line)) {
  }
  return 0;
}

int WriteWithoutEnd(const std::string& path, size_t megabytes) {
  OpenOptions options = WriterOptions(path);
  options.write_buffer_bytes = megabytes << 20;
  auto database = Database::Open(options);
  if (!database.ok()) return Fail(database.status());
  for (int64_t number = (*database)->Stats()->events / 2;; ++number) {
    WriteGroup group;
    absl::Status status = AppendNumbered(group, 2 * number);
    if (status.ok()) status = AppendNumbered(group, 2 * number + 1);
    if (status.ok()) status = (*database)->Write(std::move(group));
    if (!status.ok()) return Fail(status);
    std::cout << number << std::endl;
  }
}

int Obey(const std::string& path) {
  OpenOptions options = WriterOptions(path);
  options.write_buffer_bytes = 1 << 20;
  auto opened = Database::Open(options);
  if (!opened.ok()) return Fail(opened.status());
  Database& database = **opened;
  std::cout << "done" << std::endl;
  int64_t next = 0;
  std::string step;
  while (std::cin >> step) {
    absl::Status status;
    if (step == "append" || step == "bulk") {
      int64_t count = 0;
      std::cin >> count;
      WriteGroup group;
      for (int64_t i = 0; i < count && status.ok(); ++i) {
        status = AppendNumbered(group, next++);
        if (status.ok() && step == "append") {
          status = database.Write(std::move(group));
        }
      }
      if (status.ok() && step == "bulk") {
        status = database.BulkWrite(std::move(group));
      }
    } else if (step == "delete") {
      WriteGroup group;
      status = group.DeleteUser("user3");
      if (status.ok()) status = group.DeleteUserItemEvents("user4", "item4");
      if (status.ok()) status = database.Write(std::move(group));
    } else if (step == "flush") {
      status = database.Flush();
    } else if (step == "compact") {
      status = database.Compact();
    } else {
      status = absl::InvalidArgumentError(step);
    }
    if (!status.ok()) return Fail(status);
    std::cout << "done" << std::endl;
  }
  return 0;
}

bool EnterMountNamespace() {
  if (unshare(CLONE_NEWNS) == 0) return true;
  const std::string uid = std::to_string(getuid());
  const std::string gid = std::to_string(getgid());
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  std::ofstream("/proc/self/setgroups") << "deny";
  std::ofstream("/proc/self/uid_map") << "0 " << uid << " 1";
  std::ofstream("/proc/self/gid_map") << "0 " << gid << " 1";
  return true;
}

// Mounts a small file system of its own over PATH and fills it, says what
// happens line by line (FullDiskTest). Exit code 77 where mounting is not
// permitted.
class DiskFiller {
 public:
  explicit DiskFiller(std::string path) : path_(std::move(path)) {}

  int Run() {
    if (!EnterMountNamespace()) return 77;
    mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
    if (mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=48m") != 0) return 77;
    OpenOptions options = WriterOptions(path_ + "/db");
    options.write_buffer_bytes = 2 << 20;
    auto opened = Database::Open(options);
    if (!opened.ok()) return Fail(opened.status());
    database_ = opened->get();

    // The writer itself fills the disk.
    Ballast(24);
    FillUp("own");
    Ballast(0);
    Say("own, then room", PutOne());
    // Another program takes all the rest; a flush runs into it.
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 20; ++i) Say("", PutOne());
      Ballast(1000);
      Say("other, flush", database_->Flush());
      FillUp("other");
      Ballast(0);
      Say("other, then room", PutOne());
    }
    opened->reset();
    auto again = Database::Open(options);
    if (!again.ok()) return Fail(again.status());
    database_ = again->get();
    SayReadable("reopened");
    return 0;
  }

 private:
  // As many megabytes as go in.
  void Ballast(int megabytes) {
    const std::string file = path_ + "/ballast";
    std::filesystem::remove(file);
    std::ofstream out(file);
    const std::string block(1 << 12, 'x');
    for (int i = 0; i < megabytes * 256 && out.flush(); ++i) out << block;
  }

  absl::Status PutOne() {
    v1::Item item = MakeItem("item" + std::to_string(written_), "");
    for (int i = 0; i < 4096; ++i) {  // does not compress
      random_ = random_ * 6364136223846793005ULL + 1442695040888963407ULL;
      item.mutable_description()->push_back(
          static_cast<char>('!' + (random_ >> 33) % 90));
    }
    WriteGroup group;
    absl::Status status = group.PutItem(item);
    if (status.ok()) status = database_->Write(std::move(group));
    if (status.ok()) ++written_;
    return status;
  }

  void FillUp(const std::string& who) {
    absl::Status status;
    for (int i = 0; i < 100'000 && status.ok(); ++i) status = PutOne();
    Say(who, status);
    Say(who + ", again", PutOne());
    SayReadable(who);
  }

  void SayReadable(const std::string& who) {
    int64_t readable = 0;
    for (int64_t i = 0; i < written_; ++i) {
      const auto item = database_->GetItem("item" + std::to_string(i));
      if (item.ok() && item->has_value()) ++readable;
    }
    std::cout << who << ": "
              << (readable == written_ && database_->Stats()->items == written_
                      ? "all there"
                      : "rows lost")
              << std::endl;
  }

  static void Say(const std::string& what, const absl::Status& status) {
    if (what.empty() && status.ok()) return;
    std::cout << what << ": " << absl::StatusCodeToString(status.code())
              << std::endl;
    if (!status.ok()) std::cerr << what << ": " << status << std::endl;
  }

  const std::string path_;
  Database* database_ = nullptr;
  uint64_t random_ = 1;
  int64_t written_ = 0;
};

}  // namespace
}  // namespace attune::storage

int main(int argc, char** argv) {
  if (argc < 3) return 2;
  const std::string command = argv[1];
  const std::string path = argv[2];
  if (command == "hold") return attune::storage::Hold(path);
  if (command == "write") {
    return attune::storage::WriteWithoutEnd(path,
                                            argc > 3 ? std::stoul(argv[3]) : 8);
  }
  if (command == "obey") return attune::storage::Obey(path);
  if (command == "fill") return attune::storage::DiskFiller(path).Run();
  return 2;
}
