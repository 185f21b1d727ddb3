#include "api.h"

#include <dlfcn.h>
#include <string.h>

/* ISO C has no cast from void* to a function pointer; POSIX wants the bytes to
 * be the same, so copy them. */
static int find(void *library, const char *name, void *function, size_t size) {
  void *symbol = dlsym(library, name);
  if (symbol == NULL) return 0;
  memcpy(function, &symbol, size);
  return 1;
}

const char *api_load(api *functions, const char *path) {
  memset(functions, 0, sizeof *functions);
  functions->library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (functions->library == NULL)
    return dlerror(); /* NOLINT(concurrency-mt-unsafe): one thread yet */
#define FIND(name)                                                 \
  if (!find(functions->library, "attune_" #name, &functions->name, \
            sizeof functions->name)) {                             \
    return "attune_" #name " is missing";                          \
  }
  FIND(version)
  FIND(abi_version)
  FIND(buffer_free)
  FIND(open)
  FIND(close)
  FIND(shutdown)
  FIND(rank)
  FIND(rank_ids)
  FIND(put_items)
  FIND(put_events)
  FIND(reload_model)
  FIND(stats)
#undef FIND
  if (functions->abi_version() >> 16 != ATTUNE_ABI_MAJOR ||
      (functions->abi_version() & 0xFFFF) < ATTUNE_ABI_MINOR) {
    return "the library is of another ABI version than attune.h";
  }
  return NULL;
}

void api_unload(api *functions) {
  if (functions->library != NULL) dlclose(functions->library);
  functions->library = NULL;
}
