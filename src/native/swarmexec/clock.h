/* Time that only moves forward, for deadlines. */
#ifndef BUILDSWARM_CLOCK_H
#define BUILDSWARM_CLOCK_H

#include <time.h>

static inline long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

#endif
