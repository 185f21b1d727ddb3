#include "storage/record_hash.h"

#include <xxhash.h>

namespace attune::storage {

uint64_t RecordHash(const v1::Item& record) {
  return RecordHash(record.SerializeAsString());
}

uint64_t RecordHash(std::string_view record_bytes) {
  return XXH3_64bits(record_bytes.data(), record_bytes.size());
}

}  // namespace attune::storage
