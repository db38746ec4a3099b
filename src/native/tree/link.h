/* The connection of a helper to its peer: frames in and out, without waiting. */
#ifndef BUILDSWARM_TREE_LINK_H
#define BUILDSWARM_TREE_LINK_H

#include "wire.h"

struct tree_link {
  int in, out;
  struct frame_reader reader;
  struct bytes outgoing; /* from `sent` on it is not written yet */
  size_t sent;
  unsigned char *apart; /* of the sanitizers' build: the last payload, by itself */
};

/* Takes both descriptors, which may be the same socket, and makes them non-blocking. */
void link_open(struct tree_link *link, int in, int out);

/* Reads what is there: 1 something, 0 nothing now, -1 the end or a failure. */
int link_receive(struct tree_link *link);

/* The next frame that was received: as frame_next. Its payload is good until the next call of this or link_receive. */
int link_next(struct tree_link *link, long (*limit)(int type), struct frame *frame);

/* Writes what goes out now; -1 if the peer is gone. */
int link_flush(struct tree_link *link);

static inline size_t link_unsent(const struct tree_link *link) { return link->outgoing.length - link->sent; }

/* Waits until all is written, at most so long; for the last words. */
void link_drain(struct tree_link *link, int timeout_ms);

#endif
