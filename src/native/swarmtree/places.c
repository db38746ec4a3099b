#define _GNU_SOURCE
#include "places.h"

int places_open(struct places *places) {
  *places = (struct places){.next_number = 1};
  places->root = calloc(1, sizeof *places->root + 1);
  if (!places->root) return -1;
  places->root->watch = -1;
  places->count = 1;
  return 0;
}

static uint64_t key_of(const struct place *parent, const char *name) {
  return hash_text(parent->number, name);
}

struct place *place_child(const struct places *places, const struct place *parent, const char *name) {
  struct place *place = map_get(&places->by_name, key_of(parent, name));
  while (place && (place->parent != parent || strcmp(place->name, name) != 0)) place = place->next_of_key;
  return place;
}

struct place *place_find(const struct places *places, const char *path) {
  struct place *place = places->root;
  char name[NAME_MAX + 1];
  while (place && *path) {
    size_t length = strcspn(++path, "/");
    memcpy(name, path, length);
    name[length] = '\0';
    place = place_child(places, place, name);
    path += length;
  }
  return place;
}

struct place *place_make(struct places *places, struct place *parent, const char *name) {
  struct place *place = place_child(places, parent, name);
  if (place) return place;
  place = calloc(1, sizeof *place + strlen(name) + 1);
  if (!place) return NULL;
  strcpy(place->name, name);
  place->number = places->next_number++;
  place->watch = -1;
  place->parent = parent;
  uint64_t key = key_of(parent, name);
  place->next_of_key = map_get(&places->by_name, key);
  if (map_set(&places->by_name, key, place) != 0) {
    free(place);
    return NULL;
  }
  place->next_sibling = parent->first_child;
  if (place->next_sibling) place->next_sibling->previous_sibling = place;
  parent->first_child = place;
  places->count++;
  return place;
}

int place_path(const struct place *place, char path[PATH_MAX]) {
  size_t length = 0;
  for (const struct place *at = place; at->parent; at = at->parent) length += strlen(at->name) + 1;
  if (length >= PATH_MAX) return -1;
  path[length] = '\0';
  for (const struct place *at = place; at->parent; at = at->parent) {
    size_t part = strlen(at->name);
    length -= part + 1;
    path[length] = '/';
    memcpy(path + length + 1, at->name, part);
  }
  return 0;
}

struct place *places_of_watch(const struct places *places, int watch) {
  return map_get(&places->by_watch, (uint64_t)watch + 1);
}

int place_set_watch(struct places *places, struct place *place, int watch) {
  struct place *others = places_of_watch(places, watch);
  for (struct place *other = others; other; other = other->next_of_watch)
    if (other == place) return 0;
  place->next_of_watch = others;
  if (map_set(&places->by_watch, (uint64_t)watch + 1, place) != 0) return -1;
  place->watch = watch;
  return 0;
}

/* Takes the place off the list of its watch; 1 if that has no other place. */
static int leave_watch(struct places *places, struct place *place) {
  uint64_t key = (uint64_t)place->watch + 1;
  struct place *first = map_get(&places->by_watch, key), **link = &first;
  while (*link && *link != place) link = &(*link)->next_of_watch;
  if (*link) *link = place->next_of_watch;
  place->next_of_watch = NULL;
  place->watch = -1;
  if (!first) map_remove(&places->by_watch, key);
  else map_set(&places->by_watch, key, first);
  return !first;
}

static void leave_name(struct places *places, struct place *place) {
  uint64_t key = key_of(place->parent, place->name);
  struct place *first = map_get(&places->by_name, key), **link = &first;
  while (*link && *link != place) link = &(*link)->next_of_key;
  if (*link) *link = place->next_of_key;
  if (!first) map_remove(&places->by_name, key);
  else map_set(&places->by_name, key, first);
  if (place->previous_sibling) place->previous_sibling->next_sibling = place->next_sibling;
  else place->parent->first_child = place->next_sibling;
  if (place->next_sibling) place->next_sibling->previous_sibling = place->previous_sibling;
}

static void drop_one(struct places *places, struct place *place, void (*dropped)(void *, int),
                     void *context) {
  int watch = place->watch;
  if (watch >= 0 && leave_watch(places, place)) dropped(context, watch);
  if (place->unwatched) places->unwatched--;
  place_untell_all(place);
  if (!place->parent) {
    place->unwatched = place->reached = place->network = 0;
    return;
  }
  leave_name(places, place);
  places->count--;
  free(place);
}

void place_drop(struct places *places, struct place *place, void (*dropped)(void *, int), void *context) {
  /* The deepest first, without recursion: a tree may be as deep as a path is long. */
  struct place *at = place;
  for (;;) {
    while (at->first_child) at = at->first_child;
    struct place *parent = at->parent;
    int last = at == place;
    drop_one(places, at, dropped, context);
    if (last) return;
    at = parent;
  }
}

void place_unwatch(struct places *places, struct place *place) {
  if (place->unwatched) return;
  place->unwatched = 1;
  places->unwatched++;
  /* What was told until now was told with events; and what is made in it comes by these as before. */
  if (!place->network) place->told_whole = 0;
}

static struct told *find_told(const struct place *place, const char *name, uint64_t key) {
  struct told *told = map_get(&place->told_by_name, key);
  while (told && strcmp(told->name, name) != 0) told = told->next_of_key;
  return told;
}

const struct told *place_told(const struct place *place, const char *name) {
  return find_told(place, name, hash_text(0, name));
}

void place_tell(struct place *place, const char *name, struct seen seen) {
  uint64_t key = hash_text(0, name);
  struct told *told = find_told(place, name, key);
  if (!told) {
    told = malloc(sizeof *told + strlen(name) + 1);
    /* What is not remembered would never be compared: rather no tree than that. */
    if (!told) abort();
    told->next_of_key = map_get(&place->told_by_name, key);
    if (map_set(&place->told_by_name, key, told) != 0) abort();
    strcpy(told->name, name);
    told->next = place->told;
    told->link = &place->told;
    if (told->next) told->next->link = &told->next;
    place->told = told;
  }
  told->seen = seen;
}

void place_untell(struct place *place, const char *name) {
  uint64_t key = hash_text(0, name);
  struct told *told = find_told(place, name, key), *first = map_get(&place->told_by_name, key), **at = &first;
  if (!told) return;
  while (*at != told) at = &(*at)->next_of_key;
  *at = told->next_of_key;
  if (!first) map_remove(&place->told_by_name, key);
  else if (map_set(&place->told_by_name, key, first) != 0) abort();
  *told->link = told->next;
  if (told->next) told->next->link = told->link;
  free(told);
}

void place_untell_all(struct place *place) {
  for (struct told *told = place->told, *next; told; told = next) {
    next = told->next;
    free(told);
  }
  place->told = NULL;
  place->told_whole = 0;
  map_clear(&place->told_by_name);
}
