#define _GNU_SOURCE
#include "lease.h"

#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

static long long awake_and_asleep_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_BOOTTIME, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

struct lease lease_begin(long long length_ms) {
  struct lease lease = {.timer = -1, .length_ms = length_ms};
  if (length_ms > 0) lease.timer = timerfd_create(CLOCK_BOOTTIME, TFD_CLOEXEC | TFD_NONBLOCK);
  lease_renew(&lease);
  return lease;
}

void lease_renew(struct lease *lease) {
  if (lease->length_ms <= 0) return;
  lease->until_ms = awake_and_asleep_ms() + lease->length_ms;
  const struct itimerspec until = {
      .it_value = {.tv_sec = lease->until_ms / 1000, .tv_nsec = lease->until_ms % 1000 * 1000000}};
  timerfd_settime(lease->timer, TFD_TIMER_ABSTIME, &until, NULL);
}

int lease_has_lapsed(const struct lease *lease) {
  return lease->length_ms > 0 && awake_and_asleep_ms() >= lease->until_ms;
}

void lease_end(struct lease *lease) {
  if (lease->timer >= 0) close(lease->timer);
  *lease = (struct lease){.timer = -1};
}
