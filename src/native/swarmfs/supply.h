/*
 * What is asked of the submitter, and the requests of the kernel that wait for it. A waiting request is kept whole
 * and handled again when the node that it waits for was answered.
 */
#ifndef BUILDSWARM_SWARMFS_SUPPLY_H
#define BUILDSWARM_SWARMFS_SUPPLY_H

#include "nodes.h"

struct fs;

/* A request of the kernel. */
struct waiting {
  struct waiting *next_of_node;
  struct waiting *next, *previous; /* of all */
  struct node *node;
  uint64_t unique;
  size_t length;
  unsigned char request[];
};

enum ask_kind { ASK_LIST, ASK_LOOK, ASK_READ };

struct ask {
  uint32_t id;
  enum ask_kind kind;
  struct node *node; /* the directory of LIST, the name of LOOK, the file of READ */
  int mode;          /* of LIST */
  uint32_t piece;    /* of READ */
  uint32_t length;   /* of READ */
  int is_ahead;      /* no request of the kernel is why it was asked */
};

struct supply {
  struct map asks; /* by id */
  uint32_t next_id;
  struct waiting *waiting;
  size_t waiting_count;
  int asking_ahead;            /* what is asked now is for nobody yet */
  uint32_t ahead_count;        /* such asks that are on their way */
  uint64_t ahead_bytes;        /* what they will bring */
  const struct ask *answering; /* what is answered now */
  /* Handles a request again. */
  void (*handle)(struct fs *fs, const unsigned char *request, size_t length);
  /* Those who want a node ahead, and wait for no request, go on, or give up where it will not be answered. */
  void (*wanted)(struct fs *fs, struct node *node, int is_answered);
};

/* Keeps the request for when `node` is answered; 0, or -1 if memory ran out. */
int wait_for(struct fs *fs, struct node *node, const void *request, size_t length);
/* Takes the requests that wait for a node off it: hand each to waiting_free after use. */
struct waiting *waiting_take(struct fs *fs, struct node *node);
void waiting_free(struct waiting *waiting);
/* NULL if it was answered. */
struct waiting *waiting_find(struct fs *fs, uint64_t unique);
/* The request that the kernel no longer wants; NULL if it was answered. Off all lists, to be freed. */
struct waiting *waiting_interrupted(struct fs *fs, uint64_t unique);
/* Answers all that wait for a node with an error. */
void fail_waiting(struct fs *fs, struct node *node, int error);
/*
 * The same, and the jobs that wait are not to be believed: see report_fault, which is told `kind` and `fault`. Where what
 * was asked ahead comes to nothing and nobody waits for it, no job has had anything of it.
 */
void fault_waiting(struct fs *fs, struct node *node, int kind, int fault, int error);
/* The node's name leads to something else: a name is looked up anew, but who reads what it led to fails as no job does at home. */
void stale_waiting(struct fs *fs, struct node *node);
/* Handles all that wait for a node again. */
void wake_waiting(struct fs *fs, struct node *node);

/* Each sends a request, unless the same is on its way. 0, or -1 if the node has no path any more. */
int ask_list(struct fs *fs, struct node *directory, int mode, const char *hint);
int ask_look(struct fs *fs, struct node *node);
/* `candidates`: hashes of what might be the whole content. */
int ask_read(struct fs *fs, struct node *node, uint32_t piece, uint64_t offset, uint32_t length,
             const unsigned char *candidates, int candidate_count);

/* The ask that an answer belongs to, taken off; NULL if there is none. Its node is held until ask_free. */
struct ask *ask_take(struct fs *fs, uint32_t id);
void ask_free(struct fs *fs, struct ask *ask);

#endif
