#define _GNU_SOURCE
#include "mounts.h"

#include "far.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In a line `ID PARENT MAJOR:MINOR ROOT PATH OPTIONS… - TYPE …` a path has blanks and the like as \040. */
static void unescape(char *path) {
  char *to = path;
  for (const char *from = path; *from; to++) {
    if (from[0] == '\\' && from[1] && from[2] && from[3]) {
      *to = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
      from += 4;
    } else {
      *to = *from++;
    }
  }
  *to = '\0';
}

/* The table as it is now. Options do not matter: they change what may be done, not what is read. */
static int read_lines(struct map *lines, struct map *far) {
  FILE *file = fopen("/proc/self/mountinfo", "re");
  if (!file) return -1;
  char *line = NULL;
  size_t room = 0;
  while (getline(&line, &room, file) > 0) {
    char *fields[5], *rest = line;
    int count = 0;
    while (count < 5 && (fields[count] = strsep(&rest, " "))) count++;
    if (count < 5) continue;
    uint64_t key = 0;
    for (int i = 0; i < 5; i++) key = hash_text(key, fields[i]);
    unescape(fields[4]);
    const char *type = rest ? strstr(rest, " - ") : NULL;
    if (type && is_far(type + 3)) far_add(far, fields[4], key);
    char *path = strdup(strcmp(fields[4], "/") == 0 ? "" : fields[4]);
    if (!path || map_get(lines, key) || map_set(lines, key, path) != 0) free(path);
  }
  free(line);
  fclose(file);
  return 0;
}

void mounts_open(struct mounts *mounts) {
  *mounts = (struct mounts){.fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC)};
  read_lines(&mounts->lines, &mounts->far);
}

static void free_lines(struct map *lines) {
  for (size_t i = 0; i < lines->room; i++) free(lines->slots[i].value);
  map_clear(lines);
}

int mounts_polled(struct mounts *mounts, short revents) {
  if (revents & (POLLPRI | POLLERR)) mounts->is_news = 1;
  return mounts->is_news;
}

int mounts_are_news(struct mounts *mounts) {
  struct pollfd wait = {.fd = mounts->fd, .events = POLLPRI};
  return mounts_polled(mounts, poll(&wait, 1, 0) > 0 ? wait.revents : 0);
}

int mounts_changed(struct mounts *mounts, void (*changed)(void *context, const char *path), void *context) {
  struct map now = {0}, far = {0};
  int any = far_answered(&mounts->far, changed, context);
  if (!mounts_are_news(mounts) || read_lines(&now, &far) != 0) return any;
  mounts->is_news = 0;
  for (int way = 0; way < 2; way++) {
    const struct map *one = way ? &now : &mounts->lines, *other = way ? &mounts->lines : &now;
    for (size_t i = 0; i < one->room; i++) {
      if (!one->slots[i].value || map_get(other, one->slots[i].key)) continue;
      changed(context, one->slots[i].value);
      any = 1;
    }
  }
  free_lines(&mounts->lines);
  mounts->lines = now;
  far_keep(&far, &mounts->far);
  far_clear(&mounts->far);
  mounts->far = far;
  return any;
}

int mounts_answer(struct mounts *mounts, const char *path) { return far_answers(&mounts->far, path); }
