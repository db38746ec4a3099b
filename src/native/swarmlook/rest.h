/* What is left of a request. */
#ifndef BUILDSWARM_SWARMLOOK_REST_H
#define BUILDSWARM_SWARMLOOK_REST_H

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

struct rest {
  const unsigned char *at, *end;
};

/* Ends this program if there is less: no request that our peer would send. */
static inline const unsigned char *take(struct rest *rest, size_t bytes) {
  if ((size_t)(rest->end - rest->at) < bytes) exit(1);
  rest->at += bytes;
  return rest->at - bytes;
}

/* A NUL-ended name. */
static inline const char *take_name(struct rest *rest) {
  const unsigned char *nul = memchr(rest->at, 0, (size_t)(rest->end - rest->at));
  if (nul == NULL) exit(1);
  return (const char *)take(rest, (size_t)(nul + 1 - rest->at));
}

#endif
