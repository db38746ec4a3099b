#define _GNU_SOURCE
#include "changes.h"

enum { MOST_CHANGES = 200 * 1000 };

void changes_open(struct changes *changes) {
  *changes = (struct changes){0};
  changes->last = &changes->first;
}

void changes_clear(struct changes *changes) {
  while (changes->first) {
    struct change *change = changes->first;
    changes->first = change->next;
    free(change);
  }
  map_clear(&changes->by_path);
  changes_open(changes);
}

void changes_add_everything(struct changes *changes) {
  changes_clear(changes);
  changes->everything = 1;
}

void changes_add(struct changes *changes, int kind, const char *directory, const char *name) {
  if (changes->everything) return;
  uint64_t key = hash_text(hash_text(0, directory), name);
  struct change *same = map_get(&changes->by_path, key);
  for (struct change *change = same; change; change = change->next_of_key)
    if (strcmp(change->name, name) == 0 && strcmp(change->text, directory) == 0) {
      /* What became of a name says more than that its file changed, and that more than that something in it did. */
      if (kind < change->kind) change->kind = kind;
      return;
    }
  size_t length = strlen(directory) + 1;
  struct change *change = malloc(sizeof *change + length + strlen(name) + 1);
  if (!change || changes->count >= MOST_CHANGES) {
    free(change);
    changes_add_everything(changes);
    return;
  }
  *change = (struct change){.next_of_key = same, .key = key, .kind = kind, .name = change->text + length};
  strcpy(change->text, directory);
  strcpy(change->name, name);
  if (map_set(&changes->by_path, key, change) != 0) {
    free(change);
    changes_add_everything(changes);
    return;
  }
  *changes->last = change;
  changes->last = &change->next;
  changes->count++;
}

void changes_add_path(struct changes *changes, int kind, const char *path) {
  const char *slash = strrchr(path, '/');
  if (!slash) {
    changes_add_everything(changes); /* the root itself */
    return;
  }
  char directory[PATH_MAX];
  memcpy(directory, path, (size_t)(slash - path));
  directory[slash - path] = '\0';
  changes_add(changes, kind, directory, slash + 1);
}

void changes_add_times(struct changes *changes) {
  /* Those that are added come last, and are none of these. */
  for (const struct change *change = changes->first; change; change = change->next) {
    if (change->kind != CHANGE_NAME || !*change->text) continue;
    changes_add_path(changes, CHANGE_TIMES, change->text);
    if (changes->everything) return; /* and nothing is left of the list */
  }
}

/* One frame, as long as it may be; the change that comes next, or NULL. */
static const struct change *send_some(const struct changes *changes, const struct change *from,
                                      struct bytes *to, uint32_t id, uint64_t generation, write_entry *write,
                                      void *context) {
  size_t start = frame_start(to, FRAME_TREE_CHANGES);
  add_u32(to, id);
  add_u64(to, generation);
  size_t flags_at = to->length - start;
  add_u8(to, 0);
  add_u32(to, 0);
  uint32_t count = 0;
  for (; from; from = from->next, count++) {
    /* The target of a link may be as long as a path. */
    if (to->length - start + strlen(from->text) + 2 * PATH_MAX > TREE_CHANGES_BYTES) break;
    add_u8(to, (uint8_t)from->kind);
    add_text(to, from->text);
    write(context, to, from);
  }
  if (to->failed) return NULL;
  unsigned char *flags = to->data + start + flags_at;
  *flags = (unsigned char)((from ? CHANGES_MORE : 0) | (changes->everything ? CHANGES_EVERYTHING : 0));
  put_u32(flags + 1, count);
  frame_finish(to, start);
  return from;
}

void changes_write(const struct changes *changes, struct bytes *to, uint32_t id, uint64_t generation,
                   write_entry *write, void *context) {
  const struct change *from = changes->first;
  do from = send_some(changes, from, to, id, generation, write, context);
  while (from);
}
