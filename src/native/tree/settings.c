#define _GNU_SOURCE
#include "settings.h"

#include <inttypes.h>
#include <stdio.h>

int settings_read(struct settings *settings, const struct frame *frame) {
  if (frame->length == 0 || frame->payload[frame->length - 1] != 0) return -1;
  settings->text = malloc(frame->length);
  if (!settings->text) return -1;
  memcpy(settings->text, frame->payload, frame->length);
  for (size_t i = 0; i < frame->length; i++) settings->count += settings->text[i] == 0;
  settings->pairs = calloc(settings->count, sizeof *settings->pairs);
  if (!settings->pairs) return -1;
  char *at = settings->text;
  for (size_t i = 0; i < settings->count; i++, at += strlen(at) + 1) {
    if (!strchr(at, '=')) return -1;
    settings->pairs[i] = at;
  }
  return 0;
}

const char *setting_next(const struct settings *settings, const char *key, size_t *at) {
  size_t length = strlen(key);
  while (*at < settings->count) {
    const char *pair = settings->pairs[(*at)++];
    if (strncmp(pair, key, length) == 0 && pair[length] == '=') return pair + length + 1;
  }
  return NULL;
}

const char *setting(const struct settings *settings, const char *key, const char *otherwise) {
  size_t at = 0;
  const char *value = setting_next(settings, key, &at);
  return value ? value : otherwise;
}

uint64_t setting_number(const struct settings *settings, const char *key, uint64_t otherwise) {
  const char *value = setting(settings, key, NULL);
  if (!value || *value < '0' || *value > '9') return otherwise;
  return strtoull(value, NULL, 10);
}

void add_setting(struct bytes *to, const char *key, const char *value) {
  bytes_add(to, key, strlen(key));
  add_u8(to, '=');
  bytes_add(to, value, strlen(value) + 1);
}

void add_setting_number(struct bytes *to, const char *key, uint64_t value) {
  char text[24];
  snprintf(text, sizeof text, "%" PRIu64, value);
  add_setting(to, key, text);
}
