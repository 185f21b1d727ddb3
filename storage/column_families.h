#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "rocksdb/cache.h"
#include "rocksdb/db.h"
#include "rocksdb/options.h"
#include "storage/family.h"

namespace attune::storage {

/// What the families' options depend on.
struct FamilySizes {
  size_t write_buffer_bytes = 0;  // of the whole database
  std::shared_ptr<rocksdb::Cache> block_cache;
};

rocksdb::ColumnFamilyOptions FamilyOptions(Family family,
                                           const FamilySizes& sizes);

/// In the order of Family.
std::vector<rocksdb::ColumnFamilyDescriptor> FamilyDescriptors(
    const FamilySizes& sizes);

}  // namespace attune::storage
