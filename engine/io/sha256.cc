#include "engine/io/sha256.h"

#include <openssl/evp.h>

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "base/status_macros.h"
#include "base/strings.h"
#include "engine/io/file_descriptor.h"

namespace attune {
namespace {

class Hasher {
 public:
  Hasher() : context_(EVP_MD_CTX_new()) {
    ok_ = context_ != nullptr &&
          EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr) == 1;
  }

  void Update(std::string_view bytes) {
    ok_ = ok_ &&
          EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1;
  }

  absl::StatusOr<std::string> Finish() {
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned int size = 0;
    if (!ok_ || EVP_DigestFinal_ex(context_.get(), digest, &size) != 1) {
      return absl::InternalError("OpenSSL gives no SHA-256");
    }
    constexpr char kDigits[] = "0123456789abcdef";
    std::string hex;
    for (unsigned int i = 0; i < size; ++i) {
      hex.push_back(kDigits[digest[i] >> 4]);
      hex.push_back(kDigits[digest[i] & 15]);
    }
    return hex;
  }

 private:
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context_;
  bool ok_ = false;
};

}  // namespace

absl::StatusOr<std::string> Sha256(std::string_view bytes) {
  Hasher hasher;
  hasher.Update(bytes);
  return hasher.Finish();
}

absl::StatusOr<FileDigest> Sha256OfFile(const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(FileDescriptor file,
                          FileDescriptor::OpenForReading(path));
  ATTUNE_RETURN_IF_ERROR(file.SizeBytes(path).status());
  Hasher hasher;
  FileDigest digest;
  std::vector<char> buffer(size_t{1} << 20);
  while (true) {
    absl::StatusOr<size_t> count = file.Read(buffer);
    if (!count.ok()) {
      return absl::Status(count.status().code(),
                          StrCat(path, ": ", ToStd(count.status().message())));
    }
    if (*count == 0) break;
    hasher.Update({buffer.data(), *count});
    digest.size_bytes += static_cast<int64_t>(*count);
  }
  ATTUNE_ASSIGN_OR_RETURN(digest.sha256, hasher.Finish());
  return digest;
}

}  // namespace attune
