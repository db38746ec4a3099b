/* READDIR and READDIRPLUS. An offset is a place in the directory's list of entries, which keeps its order. */
#define _GNU_SOURCE
#include "directory.h"

#include "faults.h"
#include "reply.h"

enum { DOTS = 2 }; /* "." and ".." come first */

struct filling {
  struct fs *fs;
  unsigned char *to;
  size_t length, room;
  int plus;
};

/* One entry; -1 if there is no room for it. `node` NULL: without attributes. */
static int fill(struct filling *filling, const char *name, uint64_t inode, uint32_t mode, struct node *node,
                uint64_t next) {
  size_t name_length = strlen(name);
  size_t size = filling->plus ? FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET_DIRENTPLUS + name_length)
                              : FUSE_DIRENT_ALIGN(FUSE_NAME_OFFSET + name_length);
  if (filling->length + size > filling->room) return -1;
  unsigned char *at = filling->to + filling->length;
  memset(at, 0, size);
  struct fuse_dirent *entry = (struct fuse_dirent *)at;
  if (filling->plus) {
    struct fuse_direntplus *plus = (struct fuse_direntplus *)at;
    if (node) kernel_fill_entry(filling->fs, &plus->entry_out, node);
    entry = &plus->dirent;
  }
  entry->ino = inode;
  entry->off = next;
  entry->namelen = (uint32_t)name_length;
  entry->type = (mode & S_IFMT) >> 12;
  memcpy(entry->name, name, name_length);
  filling->length += size;
  return 0;
}

static int fill_dots(struct filling *filling, const struct node *node, uint64_t from) {
  const struct fs *fs = filling->fs;
  const struct node *parent = node->parent ? node->parent : node;
  if (from == 0 && fill(filling, ".", kernel_inode(fs, &node->attr), S_IFDIR, NULL, 1) != 0) return -1;
  return from <= 1 ? fill(filling, "..", kernel_inode(fs, &parent->attr), S_IFDIR, NULL, DOTS) : 0;
}

static int fill_entries(struct filling *filling, const struct node *node, uint64_t from) {
  const struct directory *directory = node->directory;
  for (uint64_t i = from > DOTS ? from - DOTS : 0; i < directory->count; i++) {
    struct node *child = directory->entries[i];
    if (!child || child->state != NODE_PRESENT || child->alias) continue;
    /* Shown without attributes, what may have changed is looked up when it is looked for, and so is what is refused then. */
    struct node *sure = child->unsure || node_is_special(child) || node_leads_apart(child) ? NULL : child;
    if (fill(filling, child->name, kernel_inode(filling->fs, &child->attr), child->attr.mode, sure,
             i + DOTS + 1) != 0)
      return -1;
  }
  return 0;
}

/* Are there names that it may list, of which it is not known whether they are there? */
static int has_unknown(const struct directory *directory) {
  if (directory->state != DIRECTORY_FOLDED) return directory->unknown > 0;
  for (size_t i = 0; i < directory->count && directory->unknown > 0; i++) {
    const struct node *child = directory->entries[i];
    if (child && child->state == NODE_UNKNOWN && !child->alias) return 1;
  }
  return 0;
}

void handle_readdir(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length) {
  const struct fuse_read_in *in = (const struct fuse_read_in *)(header + 1);
  const struct directory *directory = node->directory;
  if (!node->detached && directory && directory->state == DIRECTORY_REFUSED) {
    report_fault(fs, FAULT_REFUSED, EACCES, node, "");
    return kernel_reply(fs, header->unique, EACCES, NULL, 0);
  }
  if (!node->detached && (!is_listed(directory) || has_unknown(directory))) {
    int asked = ask_list(fs, node, LIST_WHOLE, "");
    if (asked == 0 && wait_for(fs, node, header, length) == 0) return;
    return kernel_reply(fs, header->unique, asked == 0 ? ENOMEM : ESTALE, NULL, 0);
  }
  struct filling filling = {.fs = fs, .to = fs->read_buffer, .plus = header->opcode == FUSE_READDIRPLUS};
  filling.room = in->size < KERNEL_READ_BYTES ? in->size : KERNEL_READ_BYTES;
  /* A directory that was removed while it is read is at its end. */
  if (!node->detached && fill_dots(&filling, node, in->offset) == 0) fill_entries(&filling, node, in->offset);
  kernel_reply(fs, header->unique, 0, fs->read_buffer, filling.length);
}
