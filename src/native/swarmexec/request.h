/* What a peer asks to run. */
#ifndef SWARMEXEC_REQUEST_H
#define SWARMEXEC_REQUEST_H

#include <sys/ioctl.h>
#include <sys/types.h>

#include "connection.h"

enum stdio { CLOSED, NULL_DEVICE, PIPE, PTY };

struct request {
  char **argv, **envp;
  const char *cwd;
  const char *root; /* cwd must lie in it, and no link lead there; empty: anywhere */
  mode_t umask;
  int nice;
  const char *apart;  /* see apart.h; empty: its places are those of the machine */
  const char *kept;   /* see apart.h */
  const char *limits; /* see limits.h */
  int background_ms;  /* how long what outlives the command may go on; 0: it is ended at once */
  long long lease_ms; /* see lease.h */
  const char *spool;  /* a directory for a file that stdout is; empty: it is as `stdio` says */
  enum stdio stdio[3];
  int merged; /* one pipe for both outputs */
  int relays; /* the program passes signals on to the command */
  uint64_t blocked, ignored;
  struct winsize size;
  char *pairs; /* what the strings above are in */
};

/*
 * Waits for the whole request; for what comes after the first one of a connection as long as that stands, and passes over what
 * was still said to the command before. What is no request gets no answer: the process ends.
 */
struct request request_read(struct connection *from, int is_first);

void request_free(struct request *request);

#endif
