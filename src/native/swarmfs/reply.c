#define _GNU_SOURCE
#include "reply.h"

#include <sys/uio.h>
#include <unistd.h>

uint64_t kernel_unique(const void *request) { return ((const struct fuse_in_header *)request)->unique; }

int kernel_looks_up(const void *request) {
  return ((const struct fuse_in_header *)request)->opcode == FUSE_LOOKUP;
}

uint32_t kernel_asker(const void *request) { return ((const struct fuse_in_header *)request)->pid; }

void kernel_reply(struct fs *fs, uint64_t unique, int error, const void *data, size_t length) {
  struct fuse_out_header header = {
      .len = (uint32_t)(sizeof header + length), .error = -error, .unique = unique};
  struct iovec parts[] = {{&header, sizeof header}, {(void *)data, length}};
  ssize_t done;
  do done = writev(fs->device, parts, length ? 2 : 1);
  while (done < 0 && errno == EINTR);
  /* ENOENT: whoever asked was killed and waits no more. */
  if (done < 0 && errno == ENODEV) fs->ended = 1;
}

static uint32_t shown_gid(const struct identity *identity, uint32_t gid) {
  if (identity->all) return gid;
  for (size_t i = 0; i < identity->group_count; i++)
    if (identity->groups[i] == gid) return identity->gid;
  return gid;
}

/* Numbers of files on another device than the plain one may be those of others; so they are mixed with the device. */
uint64_t kernel_inode(const struct fs *fs, const struct tree_attr *attr) {
  if (attr->dev == fs->plain_dev) return attr->ino;
  return (attr->ino ^ attr->dev * 0x9E3779B97F4A7C15ull) | (uint64_t)1 << 62;
}

void kernel_fill_attr(const struct fs *fs, struct fuse_attr *out, const struct tree_attr *attr) {
  *out = (struct fuse_attr){
      .ino = kernel_inode(fs, attr),
      .size = attr->size,
      .blocks = attr->blocks,
      .atime = (uint64_t)attr->mtime_s,
      .mtime = (uint64_t)attr->mtime_s,
      .ctime = (uint64_t)attr->ctime_s,
      .atimensec = attr->mtime_ns,
      .mtimensec = attr->mtime_ns,
      .ctimensec = attr->ctime_ns,
      .mode = attr->mode,
      .nlink = attr->nlink,
      .uid = attr->uid,
      .gid = shown_gid(&fs->identity, attr->gid),
      .rdev = (uint32_t)attr->rdev,
      .blksize = 4096,
  };
}

void kernel_fill_entry(struct fs *fs, struct fuse_entry_out *out, struct node *node) {
  *out = (struct fuse_entry_out){
      .nodeid = node->id, .generation = node->generation, .entry_valid = forever_s, .attr_valid = forever_s};
  kernel_fill_attr(fs, &out->attr, &node->attr);
  node->lookups++;
}
