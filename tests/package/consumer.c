/* Links the installed library: the header, a call, an error's text. */
#include <attune.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  static const char json[] = "{\"database\": \"no/such/directory\"}";
  char text[256];
  attune_error error = {.struct_size = sizeof error,
                        .message = text,
                        .message_capacity = sizeof text};
  attune_engine *engine = NULL;
  int code = attune_open(json, sizeof json - 1, NULL, &engine, &error);
  printf("attune %s: code %d, \"%s\"\n", attune_version(), code, text);
  if (attune_abi_version() != ATTUNE_ABI_VERSION) return 1;
  if (code == ATTUNE_OK || engine != NULL || text[0] == '\0') return 2;
  return attune_shutdown(NULL);
}
