#define _GNU_SOURCE
#include "interrupts.h"

#include "asker.h"
#include "fs.h"
#include "kernel.h"

enum { LOOK_AGAIN_MS = 50 };

void interrupts_note(struct fs *fs, uint64_t unique) {
  struct interrupts *interrupts = &fs->interrupts;
  if (interrupts->count == interrupts->room) {
    size_t room = interrupts->room ? 2 * interrupts->room : 16;
    uint64_t *uniques = realloc(interrupts->uniques, room * sizeof *uniques);
    if (!uniques) abort();
    interrupts->uniques = uniques;
    interrupts->room = room;
  }
  interrupts->uniques[interrupts->count++] = unique;
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

void interrupts_settle(struct fs *fs) {
  struct interrupts *interrupts = &fs->interrupts;
  for (size_t i = 0; i < interrupts->count;) {
    if (is_over(fs, interrupts->uniques[i]))
      interrupts->uniques[i] = interrupts->uniques[--interrupts->count];
    else i++;
  }
}

int interrupts_wait_ms(const struct fs *fs) { return fs->interrupts.count > 0 ? LOOK_AGAIN_MS : -1; }
