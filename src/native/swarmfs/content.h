/* What a file holds: where its bytes are to be had, whole up to 1 MiB, else by pieces. */
#ifndef BUILDSWARM_SWARMFS_CONTENT_H
#define BUILDSWARM_SWARMFS_CONTENT_H

#include "nodes.h"

struct fs;

enum own_state { OWN_UNTRIED, OWN_EQUAL, OWN_OTHER };

/* One block of memory. */
struct content {
  int has_whole_hash;
  unsigned char whole_hash[HASH_BYTES];
  enum own_state own;        /* this machine's file of the same path */
  struct tree_attr own_attr; /* as it was when it was found equal */
  int own_offered;           /* its hash was sent as a candidate, and not answered yet */
  unsigned tries;            /* how often it had changed when it was asked for */
  uint32_t piece_count;
  struct content_piece {
    int known, asked;
    unsigned char hash[HASH_BYTES];
  } pieces[];
};

/* Nothing that was known of a node's content holds any more. */
void content_forget(struct node *node);

/* The node's manifest told this hash. */
void content_told(struct node *node, const unsigned char hash[HASH_BYTES]);

enum content_answer { CONTENT_READY, CONTENT_WAIT, CONTENT_ERROR };

/*
 * Puts `length` bytes from `offset` on into `to`: CONTENT_READY; or asks for what is missing: CONTENT_WAIT.
 * The bytes are within the file's size.
 */
enum content_answer content_read(struct fs *fs, struct node *node, uint64_t offset, uint32_t length,
                                 unsigned char *to);

enum content_ahead { AHEAD_DONE, AHEAD_ASKED, AHEAD_WAIT };

/*
 * Asks for the next of the pieces from `*piece` to `last` that is not here: AHEAD_ASKED. AHEAD_WAIT: what comes next depends
 * on an answer to this node; AHEAD_DONE: all is here or on its way.
 */
enum content_ahead content_ahead(struct fs *fs, struct node *node, uint32_t *piece, uint32_t last);

/* Takes a STORE frame: a file of this machine whose content is to be kept by its hash. */
int take_store(struct fs *fs, const struct frame *frame);

/* Takes a CONTENT frame; -1 if it is not a proper one. */
int take_content(struct fs *fs, const struct frame *frame);

#endif
