/*
 * What jobs will soon look for, as the submitter expects: it is asked for before they do. No job waits for this, and none
 * fails because it cannot be had.
 */
#ifndef BUILDSWARM_SWARMFS_AHEAD_H
#define BUILDSWARM_SWARMFS_AHEAD_H

#include "nodes.h"

struct fs;

/* A path, reached part by part: each asks for the directory that it is in, as a lookup of the kernel would. */
struct want {
  struct want *next;
  struct node *node; /* reached so far */
  uint64_t serial;   /* what was told first comes first */
  int kind;          /* AHEAD_NAME, … */
  unsigned tries;    /* how often one part of the path was asked for */
  uint32_t piece, last_piece;
  const char *rest; /* of `path`: what is still to be reached */
  char path[];
};

struct ahead {
  struct want *ready; /* by serial: those that wait for no answer, only for their turn */
  size_t count;       /* all that there are */
  uint64_t next_serial;
};

/* Takes an AHEAD frame; -1 if it is not a proper one. */
int take_ahead(struct fs *fs, const struct frame *frame);
/* Can something be asked for now, as far as what is on its way allows? */
int ahead_is_due(const struct fs *fs);
/* Asks for some of that. */
void ahead_go_on(struct fs *fs);
/* A node, which is held, was answered, or will not be: what waited for it goes on, or is given up. */
void ahead_wanted(struct fs *fs, struct node *node, int is_answered);

#endif
