/* attune.h compiles as strict C99 with nothing before it, and its structs have
 * the sizes that a binary of another compiler expects. */
#include "attune.h"

#define SIZE_IS(type, size) \
  typedef char type##_size[sizeof(type) == (size) ? 1 : -1]

#if UINTPTR_MAX == UINT64_MAX
SIZE_IS(attune_error, 32);
SIZE_IS(attune_buffer, 24);
SIZE_IS(attune_open_options, 24);
SIZE_IS(attune_call_options, 16);
SIZE_IS(attune_rank_ids_options, 56);
#endif

attune_error attune_header_check_error = {.struct_size = sizeof(attune_error)};
