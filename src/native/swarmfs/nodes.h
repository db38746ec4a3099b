/*
 * What is known of the submitter's tree: a node for each name that was told. The kernel names a node by its number
 * in a table and a generation, which rises each time that a number is used again.
 */
#ifndef BUILDSWARM_SWARMFS_NODES_H
#define BUILDSWARM_SWARMFS_NODES_H

#include <string.h>

#include "../tree/map.h"
#include "../tree/wire.h"

struct content; /* content.h */
struct waiting; /* supply.h */
struct want;    /* ahead.h */

enum node_state {
  NODE_UNKNOWN, /* the name may be there or not: it must be asked for */
  NODE_PRESENT,
  NODE_ABSENT,
  NODE_REFUSED, /* it is there and is not shown */
};

enum directory_state {
  DIRECTORY_UNKNOWN,
  DIRECTORY_PARTIAL, /* too large to be told at once: name by name */
  DIRECTORY_REFUSED, /* may not be listed: name by name */
  DIRECTORY_WHOLE,   /* a name without a node is absent */
  DIRECTORY_FOLDED,  /* so it is in listings, and must be asked for else: it may be found by other letters */
};

struct directory {
  enum directory_state state;
  int asked;             /* a LIST is on its way */
  struct node **entries; /* in the order of the listing; NULL where one went */
  size_t count, room, unknown;
};

struct node {
  uint64_t id;
  uint32_t generation;
  uint64_t serial;     /* never used again, unlike the id */
  struct node *parent; /* NULL: the root, or detached */
  struct node *next_of_key;
  size_t index; /* among the parent's entries */
  enum node_state state;
  int detached;     /* its name means something else now; lives on while the kernel or a request has it */
  int unsure;       /* the attributes may have changed */
  int asked;        /* a LOOK is on its way */
  int alias;        /* of a name that is listed by other letters */
  uint64_t lookups; /* how often the kernel was given it, less what it forgot */
  unsigned holds;   /* requests that still need it */
  uint64_t invalid_generation; /* answers older than this do not count */
  uint64_t told_generation;    /* of the newest answer that told of it, or of a name in it */
  struct tree_attr attr;
  char *target;
  struct directory *directory;
  struct content *content;
  struct waiting *waiting;
  struct want *wants; /* what goes on when this was answered */
  char name[];
};

struct nodes {
  struct node *root;
  struct node **slots; /* by id; NULL: free */
  uint32_t *generations;
  uint64_t *free_ids;
  size_t slot_count, slot_room, free_count;
  struct map by_name; /* (serial of the parent, name) */
  uint64_t next_serial;
  size_t count;
};

int nodes_open(struct nodes *nodes);

/* NULL if the kernel names one that was never given. */
struct node *node_by_id(const struct nodes *nodes, uint64_t id);
struct node *node_child(const struct nodes *nodes, const struct node *parent, const char *name);
/* The attached node of a path; NULL if there is none. */
struct node *node_find(const struct nodes *nodes, const char *path);
/* A new node of unknown state; NULL if memory ran out. */
struct node *node_make(struct nodes *nodes, struct node *parent, const char *name);
void node_set_state(struct node *node, enum node_state state);

/* 0, or -1 if the node is detached or the path too long. */
int node_path(const struct node *node, char path[PATH_MAX]);

/* Are all names known that it lists? */
static inline int is_listed(const struct directory *directory) {
  return directory && (directory->state == DIRECTORY_WHOLE || directory->state == DIRECTORY_FOLDED);
}

/* Its directory part, made if need be; NULL if memory ran out. */
struct directory *node_directory(struct node *node);

/*
 * Takes a node and all below off the tree; `left` is called for each, before it may be freed.
 */
void node_detach(struct nodes *nodes, struct node *node, void (*left)(void *context, struct node *node),
                 void *context);

/* Frees a detached node that nothing needs any more. */
void node_release(struct nodes *nodes, struct node *node);

/*
 * A fifo, a socket or a device: the kernel opens it without a word to us, and nobody is at its other end. So it is only
 * listed, and refused to who looks it up.
 */
static inline int node_is_special(const struct node *node) {
  return !S_ISREG(node->attr.mode) && !S_ISDIR(node->attr.mode) && !S_ISLNK(node->attr.mode);
}

/* A link into /dev/shm: a job has one of its own there, and would find nothing, without anybody to be asked. */
static inline int node_leads_apart(const struct node *node) {
  static const char apart[] = "dev/shm";
  const char *to = S_ISLNK(node->attr.mode) ? node->target : NULL;
  if (!to) return 0;
  while (*to == '/' || strncmp(to, "../", 3) == 0) to += *to == '/' ? 1 : 3;
  return strncmp(to, apart, sizeof apart - 1) == 0 &&
         (to[sizeof apart - 1] == '/' || to[sizeof apart - 1] == '\0');
}

static inline int node_is_directory(const struct node *node) { return S_ISDIR(node->attr.mode); }

/* Does the kernel have it, or will have when it reads what was answered? */
static inline int node_is_known(const struct node *node) { return node->lookups > 0 || node->id == 1; }

#endif
