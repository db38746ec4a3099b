/* The state of the wrapper: one object, made in main() and passed to whatever needs it. */
#ifndef SWARMRUN_WRAPPER_H
#define SWARMRUN_WRAPPER_H

#include <signal.h>
#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../frame.h"

/* What a descriptor is, in the order of kind_names. */
enum kind { CLOSED, NULL_DEVICE, REGULAR, PIPE, SOCKET, TERMINAL, OTHER, FRESH };
extern const char *const kind_names[];

struct signal_watch {
  int fd;         /* signalfd that tells of what is passed on, and is not read; -1 if nothing is */
  sigset_t taken; /* what is passed on */
  sigset_t found; /* the signal mask as we found it */
  int deadly; /* the last signal that ends a process which does not handle it, not answered by an EXIT yet */
  int requests_to_end;
};

/* Output on its way to our own descriptors. */
struct output {
  int fd;
  const unsigned char *at;
  size_t left;
  int begun; /* something of the command was written: it can't run a second time */
};

/* Our stdin on its way to the command. */
struct input {
  int wanted, ended;
  uint64_t sent, taken; /* bytes given to the peer; bytes that the command has read */
  off_t start;          /* of a regular file */
  int copy[2];          /* a pipe of ours, to look into a pipe without emptying it */
  int watch;            /* an edge triggered epoll: a level would stay high over what was sent already */
  unsigned char window[STDIN_WINDOW_BYTES];
};

struct wrapper {
  char **command;
  const char *surroundings; /* see difference_from */
  const char *force;        /* "local", "remote" or "" */
  struct stat self_file;
  int self_known;
  enum kind kinds[3]; /* of descriptors 0 to 2 */
  int peer;           /* the socket */
  struct signal_watch signals;
  struct output output;
  struct input input;
};

#endif
