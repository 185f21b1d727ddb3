#include "storage/callback_logger.h"

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <string_view>
#include <utility>

namespace attune::storage {
namespace {

class CallbackLogger : public rocksdb::Logger {
 public:
  explicit CallbackLogger(LogFunction log)
      : Logger(rocksdb::InfoLogLevel::WARN_LEVEL), log_(std::move(log)) {}

  using rocksdb::Logger::Logv;
  void Logv(const rocksdb::InfoLogLevel level, const char* format,
            va_list arguments) override {
    if (!log_ || level < rocksdb::InfoLogLevel::WARN_LEVEL ||
        level == rocksdb::InfoLogLevel::HEADER_LEVEL) {
      return;
    }
    char text[1024];
    const int length = std::vsnprintf(text, sizeof(text), format, arguments);
    if (length < 0) return;
    Log(log_,
        level == rocksdb::InfoLogLevel::WARN_LEVEL ? LogLevel::kWarning
                                                   : LogLevel::kError,
        std::string_view(text, std::min<size_t>(static_cast<size_t>(length),
                                                sizeof(text) - 1)));
  }
  void LogHeader(const char* /*format*/, va_list /*arguments*/) override {}

 private:
  const LogFunction log_;
};

}  // namespace

std::shared_ptr<rocksdb::Logger> NewCallbackLogger(LogFunction log) {
  return std::make_shared<CallbackLogger>(std::move(log));
}

}  // namespace attune::storage
