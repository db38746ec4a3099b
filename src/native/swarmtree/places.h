/*
 * The places of this machine that were shown to workers: directories, and files with a watch of their own. A place
 * is known by its path; its watch is the kernel's, so that two places can have the same one (a directory that is
 * mounted twice, a file with two names).
 */
#ifndef BUILDSWARM_SWARMTREE_PLACES_H
#define BUILDSWARM_SWARMTREE_PLACES_H

#include "../tree/map.h"
#include "../tree/wire.h"

/* What a name was seen to be, to be compared where no events come. */
struct seen {
  uint64_t file;   /* which one, or that there is none */
  uint64_t digest; /* of all that can change of it */
};

struct told {
  struct told *next, **link;
  struct told *next_of_key; /* another name with the same key */
  struct seen seen;
  char name[];
};

struct place {
  struct place *parent, *first_child, *next_sibling, *previous_sibling;
  struct place *next_of_key;   /* another place with the same key in the table */
  struct place *next_of_watch; /* another place with the same watch */
  uint64_t number;
  int watch; /* -1: none */
  int is_file;
  int unwatched;  /* a watch was wanted and could not be had */
  int reached;    /* it was looked at whether its file system tells all changes */
  int network;    /* it may not: changes made elsewhere raise no event */
  int made_up;    /* it may hold more than it lists, or files of more than their size: see reach.c */
  int folds;      /* it finds names by other letters, too */
  int told_whole; /* all names were told: a new one is a change */
  struct told *told;
  struct map told_by_name;
  char name[];
};

struct places {
  struct place *root;
  struct map by_name;  /* (number of the parent, name) */
  struct map by_watch; /* number of a watch + 1 */
  uint64_t next_number;
  size_t count, unwatched;
};

/* 0, or -1 if memory ran out. */
int places_open(struct places *places);

struct place *place_child(const struct places *places, const struct place *parent, const char *name);
struct place *place_find(const struct places *places, const char *path);
/* The place of `name` in `parent`, made if need be; NULL if memory ran out. */
struct place *place_make(struct places *places, struct place *parent, const char *name);
/* The path, or -1 if it is too long. */
int place_path(const struct place *place, char path[PATH_MAX]);

/* Something in it cannot be watched itself: so all that is told of it is compared at each hand-in. */
void place_unwatch(struct places *places, struct place *place);
int place_set_watch(struct places *places, struct place *place, int watch);
struct place *places_of_watch(const struct places *places, int watch);

/*
 * Forgets a place and all below; `dropped` is called for each watch that no place has any more. The root stays, as
 * an empty place.
 */
void place_drop(struct places *places, struct place *place, void (*dropped)(void *context, int watch),
                void *context);

/* What was told of a name in a directory without events, or NULL. */
const struct told *place_told(const struct place *place, const char *name);
/* Remembers it; replaces what was told before. */
void place_tell(struct place *place, const char *name, struct seen seen);
void place_untell(struct place *place, const char *name);
void place_untell_all(struct place *place);

#endif
