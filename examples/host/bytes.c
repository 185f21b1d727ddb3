#include "bytes.h"

#include <string.h>

static void put_byte(bytes *message, unsigned char byte) {
  if (message->size < sizeof message->data) {
    message->data[message->size++] = byte;
  } else {
    message->overflow = 1;
  }
}

static void put_varint(bytes *message, uint64_t value) {
  for (; value >= 0x80; value >>= 7) {
    put_byte(message, (unsigned char)(value | 0x80));
  }
  put_byte(message, (unsigned char)value);
}

static void put_block(bytes *message, unsigned field, const void *data,
                      size_t size) {
  size_t i;
  put_varint(message, (uint64_t)field << 3 | 2);
  put_varint(message, size);
  for (i = 0; i < size; ++i)
    put_byte(message, ((const unsigned char *)data)[i]);
}

void bytes_number(bytes *message, unsigned field, uint64_t value) {
  put_varint(message, (uint64_t)field << 3);
  put_varint(message, value);
}

void bytes_text(bytes *message, unsigned field, const char *text) {
  put_block(message, field, text, strlen(text));
}

void bytes_message(bytes *message, unsigned field, const bytes *inner) {
  if (inner->overflow) message->overflow = 1;
  put_block(message, field, inner->data, inner->size);
}
