#define _GNU_SOURCE
#include "map.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 64 };

static uint64_t mix(uint64_t value) {
  value ^= value >> 32;
  value *= 0x9E3779B97F4A7C15ull;
  value ^= value >> 29;
  return value * 0xBF58476D1CE4E5B9ull;
}

static size_t slot_of(const struct map *map, uint64_t key) {
  size_t at = mix(key) >> 20 & (map->room - 1);
  while (map->slots[at].value && map->slots[at].key != key) at = (at + 1) & (map->room - 1);
  return at;
}

void *map_get(const struct map *map, uint64_t key) {
  return map->room ? map->slots[slot_of(map, key)].value : NULL;
}

static int grow(struct map *map) {
  size_t room = map->room ? map->room * 2 : FIRST_ROOM;
  struct map larger = {.slots = calloc(room, sizeof *map->slots), .room = room, .count = map->count};
  if (!larger.slots) return -1;
  for (size_t i = 0; i < map->room; i++)
    if (map->slots[i].value) larger.slots[slot_of(&larger, map->slots[i].key)] = map->slots[i];
  free(map->slots);
  *map = larger;
  return 0;
}

int map_set(struct map *map, uint64_t key, void *value) {
  if (map->count * 4 >= map->room * 3 && grow(map) != 0) return -1;
  struct map_slot *slot = &map->slots[slot_of(map, key)];
  if (!slot->value) map->count++;
  *slot = (struct map_slot){key, value};
  return 0;
}

void map_remove(struct map *map, uint64_t key) {
  if (!map->room) return;
  size_t mask = map->room - 1, hole = slot_of(map, key);
  if (!map->slots[hole].value) return;
  map->count--;
  for (size_t at = (hole + 1) & mask; map->slots[at].value; at = (at + 1) & mask) {
    size_t home = mix(map->slots[at].key) >> 20 & mask;
    /* What stands between its home and here may move into the hole only if the hole is on that way. */
    if (((at - home) & mask) < ((at - hole) & mask)) continue;
    map->slots[hole] = map->slots[at];
    hole = at;
  }
  map->slots[hole].value = NULL;
}

void map_clear(struct map *map) {
  free(map->slots);
  *map = (struct map){0};
}

uint64_t hash_data(uint64_t seed, const void *data, size_t length) {
  const unsigned char *at = data;
  uint64_t hash = seed ^ 0xcbf29ce484222325ull;
  for (; length >= 8; length -= 8, at += 8) {
    uint64_t word;
    memcpy(&word, at, 8);
    hash = (hash ^ word) * 0x9E3779B97F4A7C15ull;
    hash ^= hash >> 32;
  }
  for (; length > 0; length--, at++) hash = (hash ^ *at) * 0x100000001b3ull;
  return mix(hash);
}

uint64_t hash_text(uint64_t seed, const char *text) { return hash_data(seed, text, strlen(text)); }
