/* What has changed since the last barrier: each path once, whatever happened to it. */
#ifndef BUILDSWARM_SWARMTREE_CHANGES_H
#define BUILDSWARM_SWARMTREE_CHANGES_H

#include "../tree/map.h"
#include "../tree/wire.h"

struct change {
  struct change *next, *next_of_key;
  uint64_t key;
  int kind;
  char *name;  /* in `text`, behind the directory */
  char text[]; /* the directory */
};

struct changes {
  struct change *first, **last;
  struct map by_path;
  size_t count;
  int everything; /* more than can be named, or events were lost */
};

void changes_open(struct changes *changes);

/* `name` of `directory` changed; an empty name is the directory itself, of which nothing told before holds. */
void changes_add(struct changes *changes, int kind, const char *directory, const char *name);
/* The same for a whole path. */
void changes_add_path(struct changes *changes, int kind, const char *path);
void changes_add_everything(struct changes *changes);
void changes_clear(struct changes *changes);

/* Adds each directory in which a name changed: its times are others now. */
void changes_add_times(struct changes *changes);

/* Writes the entry of a change: what the name leads to now, or that it was not looked at. */
typedef void write_entry(void *context, struct bytes *to, const struct change *change);

/* Writes all as CHANGES frames that carry `id` and `generation`. */
void changes_write(const struct changes *changes, struct bytes *to, uint32_t id, uint64_t generation,
                   write_entry *write, void *context);

#endif
