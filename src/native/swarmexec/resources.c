#define _GNU_SOURCE
#include "resources.h"

#include <stdlib.h>
#include <string.h>

#include "../limits.h"

/* So many descriptors are as good as any number: containers are given a million, and no tool opens these. */
enum { PLENTY_OF_DESCRIPTORS = 65536 };

/* Whether a command may end in another way, or leave another file, where it has less of this than at its caller. */
static int is_binding(int resource) {
  return resource == RLIMIT_AS || resource == RLIMIT_CPU || resource == RLIMIT_DATA ||
         resource == RLIMIT_FSIZE || resource == RLIMIT_NOFILE || resource == RLIMIT_STACK;
}

/* 0, or -1 if the command would have less than it needs to be as at its caller. */
static int set_limit(int resource, struct rlimit wanted) {
  struct rlimit now;
  if (setrlimit(resource, &wanted) == 0 || getrlimit(resource, &now) != 0) return 0;
  /* Only root may go above the hard limit that is set here. */
  rlim_t needed = wanted.rlim_cur;
  if (resource == RLIMIT_NOFILE && needed > PLENTY_OF_DESCRIPTORS) needed = PLENTY_OF_DESCRIPTORS;
  if (is_binding(resource) && needed > now.rlim_max) return -1;
  if (wanted.rlim_max > now.rlim_max) wanted.rlim_max = now.rlim_max;
  if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
  setrlimit(resource, &wanted);
  return 0;
}

/* The number at `at`, which is moved behind it and behind the separator that follows. */
static rlim_t read_number(const char **at) {
  char *end;
  rlim_t value = RLIM_INFINITY;
  if (**at == '-') end = (char *)*at + 1;
  else value = (rlim_t)strtoull(*at, &end, 10);
  *at = *end ? end + 1 : end;
  return value;
}

int resources_limit(const char *text) {
  while (*text) {
    size_t length = strcspn(text, ":");
    const char *name = text, *at = text + length + (text[length] ? 1 : 0);
    struct rlimit wanted;
    wanted.rlim_cur = read_number(&at);
    wanted.rlim_max = read_number(&at);
    for (int i = 0; i < LIMIT_NAMES; i++)
      if (strlen(limit_names[i].name) == length && memcmp(limit_names[i].name, name, length) == 0)
        if (set_limit(limit_names[i].resource, wanted) != 0) return i;
    text = at;
  }
  return -1;
}
