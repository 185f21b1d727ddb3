#include "engine/train/scalar_log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_format.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "proto/tensorboard.pb.h"

namespace attune {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
constexpr uint32_t kMask = 0xa282ead8;

constexpr std::array<uint32_t, 256> MakeTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t byte = 0; byte < 256; ++byte) {
    uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) {
      crc = crc & 1u ? crc >> 1 ^ kPolynomial : crc >> 1;
    }
    table[byte] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = MakeTable();

double NowSeconds() {
  return std::chrono::duration<double>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// Little-endian, as every machine that this runs on.
template <typename T>
void AppendBytes(T value, std::string* out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  out->append(bytes, sizeof(T));
}

}  // namespace

uint32_t MaskedCrc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char byte : bytes) {
    crc = kTable[(crc ^ static_cast<uint8_t>(byte)) & 0xff] ^ crc >> 8;
  }
  crc = ~crc;
  return (crc >> 15 | crc << 17) + kMask;
}

absl::StatusOr<std::unique_ptr<ScalarLog>> ScalarLog::Create(
    const std::string& directory) {
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) {
    return ErrnoStatus(error.value(), StrCat("cannot make ", directory));
  }
  // The name that TensorBoard looks for; no two of a machine are equal.
  const double now = NowSeconds();
  const std::string path =
      absl::StrFormat("%s/events.out.tfevents.%017.6f.attune.%d", directory,
                      now, static_cast<int>(::getpid()));
  ATTUNE_ASSIGN_OR_RETURN(
      FileDescriptor file,
      FileDescriptor::Open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC));
  std::unique_ptr<ScalarLog> log(new ScalarLog(std::move(file)));
  tensorboard::Event version;
  version.set_wall_time(now);
  version.set_file_version("brain.Event:2");
  ATTUNE_RETURN_IF_ERROR(log->Append(version.SerializeAsString()));
  return log;
}

absl::Status ScalarLog::Add(int64_t step, std::span<const Scalar> scalars) {
  tensorboard::Event event;
  event.set_wall_time(NowSeconds());
  event.set_step(step);
  for (const Scalar& scalar : scalars) {
    tensorboard::Scalar* value = event.mutable_summary()->add_value();
    value->set_tag(std::string(scalar.tag));
    value->set_simple_value(static_cast<float>(scalar.value));
  }
  return Append(event.SerializeAsString());
}

absl::Status ScalarLog::Append(std::string_view record) {
  std::string bytes;
  AppendBytes(static_cast<uint64_t>(record.size()), &bytes);
  AppendBytes(MaskedCrc32c(bytes), &bytes);
  bytes += record;
  AppendBytes(MaskedCrc32c(record), &bytes);
  return file_.WriteAll(bytes);
}

}  // namespace attune
