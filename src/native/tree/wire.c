#define _GNU_SOURCE
#include "wire.h"

void add_attr(struct bytes *to, const struct tree_attr *attr) {
  const uint64_t wide[] = {attr->dev,
                           attr->ino,
                           attr->size,
                           attr->blocks,
                           attr->rdev,
                           (uint64_t)attr->mtime_s,
                           (uint64_t)attr->ctime_s};
  const uint32_t narrow[] = {attr->mtime_ns, attr->ctime_ns, attr->mode, attr->nlink, attr->uid, attr->gid};
  for (size_t i = 0; i < sizeof wide / sizeof *wide; i++) add_u64(to, wide[i]);
  for (size_t i = 0; i < sizeof narrow / sizeof *narrow; i++) add_u32(to, narrow[i]);
}

size_t frame_start(struct bytes *to, int type) {
  size_t start = to->length;
  add_u32(to, 0);
  add_u8(to, (uint8_t)type);
  return start;
}

void frame_finish(struct bytes *to, size_t start) {
  if (!to->failed) put_u32(to->data + start, (uint32_t)(to->length - start - FRAME_HEADER_BYTES));
}

const unsigned char *take(struct cursor *from, size_t length) {
  if (from->failed || (size_t)(from->end - from->at) < length) {
    from->failed = 1;
    return NULL;
  }
  from->at += length;
  return from->at - length;
}

uint8_t take_u8(struct cursor *from) {
  const unsigned char *at = take(from, 1);
  return at ? *at : 0;
}

uint16_t take_u16(struct cursor *from) {
  const unsigned char *at = take(from, 2);
  return at ? (uint16_t)(at[0] | at[1] << 8) : 0;
}

uint32_t take_u32(struct cursor *from) {
  const unsigned char *at = take(from, 4);
  return at ? get_u32(at) : 0;
}

uint64_t take_u64(struct cursor *from) {
  const unsigned char *at = take(from, 8);
  return at ? get_u64(at) : 0;
}

void take_attr(struct cursor *from, struct tree_attr *attr) {
  attr->dev = take_u64(from);
  attr->ino = take_u64(from);
  attr->size = take_u64(from);
  attr->blocks = take_u64(from);
  attr->rdev = take_u64(from);
  attr->mtime_s = (int64_t)take_u64(from);
  attr->ctime_s = (int64_t)take_u64(from);
  attr->mtime_ns = take_u32(from);
  attr->ctime_ns = take_u32(from);
  attr->mode = take_u32(from);
  attr->nlink = take_u32(from);
  attr->uid = take_u32(from);
  attr->gid = take_u32(from);
}

void take_text(struct cursor *from, char *to, size_t room) {
  size_t length = take_u16(from);
  const unsigned char *at = length < room ? take(from, length) : NULL;
  if (!at || memchr(at, 0, length)) {
    from->failed = 1;
    to[0] = '\0';
    return;
  }
  memcpy(to, at, length);
  to[length] = '\0';
}

void take_path(struct cursor *from, char to[PATH_MAX]) {
  take_text(from, to, PATH_MAX);
  if (!from->failed && !is_path(to)) from->failed = 1;
}

void take_name(struct cursor *from, char to[NAME_MAX + 1]) {
  take_text(from, to, NAME_MAX + 1);
  if (!from->failed && !is_name(to)) from->failed = 1;
}

void take_entry(struct cursor *from, struct tree_entry *entry) {
  uint8_t flags = take_u8(from);
  entry->state = flags & ENTRY_STATE;
  entry->has_hash = (flags & ENTRY_HASHED) != 0;
  entry->is_alias = (flags & ENTRY_ALIAS) != 0;
  entry->target[0] = '\0';
  take_name(from, entry->name);
  if (entry->state != ENTRY_PRESENT) return;
  take_attr(from, &entry->attr);
  if (S_ISLNK(entry->attr.mode)) take_text(from, entry->target, sizeof entry->target);
  const unsigned char *hash = entry->has_hash ? take(from, HASH_BYTES) : NULL;
  if (hash) memcpy(entry->hash, hash, HASH_BYTES);
}

int is_name(const char *name) {
  size_t length = strlen(name);
  return length > 0 && length <= NAME_MAX && strcmp(name, ".") != 0 && strcmp(name, "..") != 0 &&
         !strchr(name, '/');
}

int is_path(const char *path) {
  if (strlen(path) > TREE_PATH_BYTES) return 0;
  while (*path) {
    if (*path != '/') return 0;
    const char *part = path + 1;
    size_t length = strcspn(part, "/");
    if (length == 0 || length > NAME_MAX) return 0;
    if (part[0] == '.' && (length == 1 || (length == 2 && part[1] == '.'))) return 0;
    path = part + length;
  }
  return 1;
}

int join_path(char to[PATH_MAX], const char *dir, const char *name) {
  size_t length = strlen(dir), more = strlen(name);
  if (length + more + 2 > PATH_MAX) {
    errno = ENAMETOOLONG;
    return -1;
  }
  memmove(to, dir, length);
  to[length] = '/';
  memcpy(to + length + 1, name, more + 1);
  return 0;
}

int is_within(const char *path, const char *dir) {
  size_t length = strlen(dir);
  return strncmp(path, dir, length) == 0 && (path[length] == '\0' || path[length] == '/');
}
