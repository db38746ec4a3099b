#define _GNU_SOURCE
#include "resources.h"

#include <stdlib.h>
#include <string.h>

#include "../limits.h"

static void set_limit(int resource, struct rlimit wanted) {
  struct rlimit now;
  if (setrlimit(resource, &wanted) == 0 || getrlimit(resource, &now) != 0) return;
  /* Only root may go above the hard limit that is set here. */
  if (wanted.rlim_max > now.rlim_max) wanted.rlim_max = now.rlim_max;
  if (wanted.rlim_cur > wanted.rlim_max) wanted.rlim_cur = wanted.rlim_max;
  setrlimit(resource, &wanted);
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

void resources_limit(const char *text) {
  while (*text) {
    size_t length = strcspn(text, ":");
    const char *name = text, *at = text + length + (text[length] ? 1 : 0);
    struct rlimit wanted;
    wanted.rlim_cur = read_number(&at);
    wanted.rlim_max = read_number(&at);
    for (int i = 0; i < LIMIT_NAMES; i++)
      if (strlen(limit_names[i].name) == length && memcmp(limit_names[i].name, name, length) == 0)
        set_limit(limit_names[i].resource, wanted);
    text = at;
  }
}
