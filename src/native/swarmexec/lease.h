/*
 * A lease: how long the command may go on without a word of the peer that runs it. It is kept here, beside the command,
 * by a clock that goes on while the machine sleeps: a machine that wakes up must not write what another one has
 * written anew in the meantime. So the clock is asked before any word that may lie waiting is read.
 */
#ifndef SWARMEXEC_LEASE_H
#define SWARMEXEC_LEASE_H

struct lease {
  int timer; /* readable when it has lapsed; -1 if there is no lease */
  long long length_ms, until_ms;
};

/* `length_ms` 0: for ever. */
struct lease lease_begin(long long length_ms);

void lease_renew(struct lease *lease);

void lease_end(struct lease *lease);

int lease_has_lapsed(const struct lease *lease);

#endif
