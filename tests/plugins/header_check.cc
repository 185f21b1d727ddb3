// attune.h compiles as C++ with nothing before it.
#include "attune.h"

int AttuneHeaderCheck() {
  attune_error error = {};
  error.struct_size = sizeof(error);
  return attune_refresh(nullptr, &error);
}
