/* The functions of attune.h that this host uses, found by dlsym. */
#ifndef ATTUNE_EXAMPLES_HOST_API_H_
#define ATTUNE_EXAMPLES_HOST_API_H_

#include "attune.h"

typedef struct api {
  void *library;
  const char *(*version)(void);
  uint32_t (*abi_version)(void);
  void (*buffer_free)(attune_buffer *);
  int (*open)(const char *, size_t, const attune_open_options *,
              attune_engine **, attune_error *);
  int (*close)(attune_engine *, attune_error *);
  int (*shutdown)(attune_error *);
  int (*rank)(attune_engine *, const void *, size_t,
              const attune_call_options *, attune_buffer *, attune_error *);
  int (*rank_ids)(attune_engine *, const char *, size_t, const char *const *,
                  const size_t *, size_t, float *,
                  const attune_rank_ids_options *, attune_error *);
  int (*put_items)(attune_engine *, const void *, size_t, uint32_t,
                   attune_error *);
  int (*put_events)(attune_engine *, const void *, size_t, uint32_t,
                    attune_error *);
  int (*reload_model)(attune_engine *, const char *, size_t, attune_error *);
  int (*stats)(attune_engine *, int32_t, attune_buffer *, attune_error *);
} api;

/* Loads the library; NULL, or what went wrong. */
const char *api_load(api *functions, const char *path);
void api_unload(api *functions);

#endif /* ATTUNE_EXAMPLES_HOST_API_H_ */
