/* The START frame: strings `key=value`, each ended by a NUL; a key may come several times. */
#ifndef BUILDSWARM_TREE_SETTINGS_H
#define BUILDSWARM_TREE_SETTINGS_H

#include "wire.h"

struct settings {
  char *text;
  char **pairs;
  size_t count;
};

/* 0, or -1 if the payload is not such a list. */
int settings_read(struct settings *settings, const struct frame *frame);

/* The first value of a key, else `otherwise`. */
const char *setting(const struct settings *settings, const char *key, const char *otherwise);
uint64_t setting_number(const struct settings *settings, const char *key, uint64_t otherwise);

/* The next value of `key` from place `*at` on, which moves behind it; NULL when there is no more. */
const char *setting_next(const struct settings *settings, const char *key, size_t *at);

/* Adds `key=value` to a payload of this form. */
void add_setting(struct bytes *to, const char *key, const char *value);
void add_setting_number(struct bytes *to, const char *key, uint64_t value);

#endif
