/* Just enough protobuf to write requests: see proto/records.proto and
 * proto/attune.proto for the numbers. A real host uses a protobuf library. */
#ifndef ATTUNE_EXAMPLES_HOST_BYTES_H_
#define ATTUNE_EXAMPLES_HOST_BYTES_H_

#include <stddef.h>
#include <stdint.h>

/* A message under construction. What does not fit sets `overflow`. */
typedef struct bytes {
  unsigned char data[4096];
  size_t size;
  int overflow;
} bytes;

void bytes_number(bytes *message, unsigned field, uint64_t value);
void bytes_text(bytes *message, unsigned field, const char *text);
void bytes_message(bytes *message, unsigned field, const bytes *inner);

#endif /* ATTUNE_EXAMPLES_HOST_BYTES_H_ */
