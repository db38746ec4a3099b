#define _GNU_SOURCE
#include "interrupts.h"

#include <time.h>

#include "asker.h"
#include "fs.h"
#include "reply.h"

enum { LOOK_AGAIN_MS = 50 };

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* 1 if it need not be looked at again. */
static int is_over(struct fs *fs, uint64_t unique) {
  const struct waiting *waiting = waiting_find(fs, unique);
  if (!waiting) return 1;
  if (!is_being_killed((pid_t)kernel_asker(waiting->request))) return 0;
  waiting_free(waiting_interrupted(fs, unique));
  kernel_reply(fs, unique, EINTR, NULL, 0);
  return 1;
}

void interrupts_note(struct fs *fs, uint64_t unique) {
  struct interrupts *interrupts = &fs->interrupts;
  if (is_over(fs, unique)) return;
  if (interrupts->count == interrupts->room) {
    size_t room = interrupts->room ? 2 * interrupts->room : 16;
    uint64_t *uniques = realloc(interrupts->uniques, room * sizeof *uniques);
    if (!uniques) abort();
    interrupts->uniques = uniques;
    interrupts->room = room;
  }
  interrupts->uniques[interrupts->count++] = unique;
}

void interrupts_settle(struct fs *fs) {
  struct interrupts *interrupts = &fs->interrupts;
  if (interrupts->count == 0 || now_ms() < interrupts->looked_ms + LOOK_AGAIN_MS) return;
  interrupts->looked_ms = now_ms();
  for (size_t i = 0; i < interrupts->count;) {
    if (is_over(fs, interrupts->uniques[i]))
      interrupts->uniques[i] = interrupts->uniques[--interrupts->count];
    else i++;
  }
}

int interrupts_wait_ms(const struct fs *fs) { return fs->interrupts.count > 0 ? LOOK_AGAIN_MS : -1; }
