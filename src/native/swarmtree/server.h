/* swarmtree: what it knows, and the requests that it answers. */
#ifndef BUILDSWARM_SWARMTREE_SERVER_H
#define BUILDSWARM_SWARMTREE_SERVER_H

#include "../tree/hash-index.h"
#include "../tree/link.h"
#include "reach.h"

struct server {
  struct tree_link link;
  struct settings settings;
  struct policy policy;
  struct watcher watcher;
  struct reacher reacher;
  struct hash_index index;
  int changes_only;          /* a barrier tells that something changed, not what it is now */
  uint64_t most_watched;     /* places; beyond that nothing is watched for LOOKS */
  uint64_t hash_below_bytes; /* files of the system up to this size are hashed when they are listed */
  long long drained_ms;      /* when events were last taken in while nobody asked */
  unsigned char *content;    /* TREE_WHOLE_BYTES: of the file that is being read */
  struct map given;          /* by file_key(): files whose content some worker was given */
  struct {
    uint64_t requests, lists, looks, reads, barriers, hashed_bytes, read_bytes, sent_bytes;
  } figures;
};

/* Each answers one frame; -1 if it is not a proper one, which ends the connection. */
int serve_list(struct server *server, const struct frame *frame);
int serve_look(struct server *server, const struct frame *frame);
int serve_compare(struct server *server, const struct frame *frame);
int serve_looks(struct server *server, const struct frame *frame);
int serve_read(struct server *server, const struct frame *frame);
int serve_note(struct server *server, const struct frame *frame);
int serve_barrier(struct server *server, const struct frame *frame);

/* Names a file in `given`, wherever it lies. */
static inline uint64_t file_key(const struct stat *of) {
  const uint64_t numbers[] = {of->st_dev, of->st_ino};
  return hash_data(0, numbers, sizeof numbers);
}

/* The hash of a whole file, from the index or by reading it; 1, or 0 if it cannot be had. */
int hash_of_file(struct server *server, int fd, const struct tree_attr *attr, unsigned char hash[HASH_BYTES]);

#endif
