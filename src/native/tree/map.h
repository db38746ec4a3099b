/* A hash table from a number to a pointer: open addressing, deletion by shifting back. */
#ifndef BUILDSWARM_TREE_MAP_H
#define BUILDSWARM_TREE_MAP_H

#include <stddef.h>
#include <stdint.h>

struct map_slot {
  uint64_t key;
  void *value; /* NULL: the slot is free */
};

struct map {
  struct map_slot *slots;
  size_t count, room; /* room is 0 or a power of two */
};

void *map_get(const struct map *map, uint64_t key);
/* Sets or replaces; 0, or -1 if memory ran out. `value` is not NULL. */
int map_set(struct map *map, uint64_t key, void *value);
void map_remove(struct map *map, uint64_t key);
void map_clear(struct map *map);

/* A number for a text below another number, such as a name in a directory. */
uint64_t hash_text(uint64_t seed, const char *text);
uint64_t hash_data(uint64_t seed, const void *data, size_t length);

#endif
