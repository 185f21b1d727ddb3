/* What a language without C structs of its own needs: ids as one run of bytes,
 * the message in a buffer of the caller's. Used by the Go and the Java example.
 */
#ifndef ATTUNE_EXAMPLES_HOSTS_BRIDGE_H_
#define ATTUNE_EXAMPLES_HOSTS_BRIDGE_H_

#include <attune.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct bridge_text {
  const char *data;
  size_t size;
} bridge_text;

static attune_error bridge_error(char *message, size_t capacity) {
  attune_error error = {0};
  error.struct_size = sizeof error;
  error.message = message;
  error.message_capacity = capacity;
  return error;
}

static inline int bridge_open(bridge_text json, attune_engine **engine,
                              char *message, size_t capacity) {
  attune_error error = bridge_error(message, capacity);
  return attune_open(json.data, json.size, NULL, engine, &error);
}

/* `ids` holds `count` ids, one after the other, of `lengths` bytes each. */
static inline int bridge_rank_ids(attune_engine *engine, bridge_text user,
                                  const char *ids, const size_t *lengths,
                                  size_t count, bridge_text model,
                                  int64_t now_ms, float *scores, char *message,
                                  size_t capacity) {
  attune_error error = bridge_error(message, capacity);
  attune_rank_ids_options options = {0};
  const char **pointers = malloc((count + 1) * sizeof *pointers);
  size_t i;
  int code;
  if (pointers == NULL) return ATTUNE_RESOURCE_EXHAUSTED;
  for (i = 0; i < count; ++i) {
    pointers[i] = ids;
    ids += lengths[i];
  }
  options.struct_size = sizeof options;
  options.now_ms = now_ms;
  options.model = model.data;
  options.model_length = model.size;
  code = attune_rank_ids(engine, user.data, user.size, pointers, lengths, count,
                         scores, &options, &error);
  free(pointers);
  return code;
}

#endif /* ATTUNE_EXAMPLES_HOSTS_BRIDGE_H_ */
