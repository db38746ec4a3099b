/* Requests whose process was sent a signal while they wait. */
#ifndef BUILDSWARM_SWARMFS_INTERRUPTS_H
#define BUILDSWARM_SWARMFS_INTERRUPTS_H

#include <stddef.h>
#include <stdint.h>

struct fs;

struct interrupts {
  uint64_t *uniques; /* of these requests; some may be answered by now */
  size_t count, room;
  long long looked_ms; /* when all were looked at last */
};

/*
 * The kernel tells of any signal, and once. A command on a disk of its own waits through those that do not kill it: it is
 * no more used to EINTR from stat than its shell is.
 */
void interrupts_note(struct fs *fs, uint64_t unique);

/* Lets those go whose process is being killed, if it is time to look again. */
void interrupts_settle(struct fs *fs);

/* After how many ms to do that again; -1: nobody waits. */
int interrupts_wait_ms(const struct fs *fs);

#endif
