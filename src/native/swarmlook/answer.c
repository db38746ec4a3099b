#include "answer.h"

#include <stdlib.h>
#include <string.h>

unsigned char *answer_grow(struct answer *answer, size_t bytes) {
  if (answer->bytes + bytes > answer->room) {
    answer->room = (answer->bytes + bytes) * 2;
    answer->data = realloc(answer->data, answer->room);
    if (answer->data == NULL) exit(1);
  }
  answer->bytes += bytes;
  return answer->data + answer->bytes - bytes;
}

void answer_put(struct answer *answer, const void *data, size_t bytes) {
  memcpy(answer_grow(answer, bytes), data, bytes);
}

void answer_put_fact(struct answer *answer, const struct stat *stats) {
  put_fact(answer_grow(answer, FACT_BYTES), stats);
}
