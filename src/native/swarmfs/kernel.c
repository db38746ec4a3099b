#define _GNU_SOURCE
#include "kernel.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "content.h"
#include "directory.h"
#include "faults.h"
#include "reply.h"

enum { MOST_AT_ONCE = 32 };

/* Keeps a request until its node is answered; `asked` is what sending the question gave. */
static void park(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length,
                 int asked) {
  if (asked != 0) {
    fs->figures.stale++;
    report_fault(fs, FAULT_STALE, ESTALE, node, "");
    kernel_reply(fs, header->unique, ESTALE, NULL, 0);
  } else if (wait_for(fs, node, header, length) != 0) {
    kernel_reply(fs, header->unique, ENOMEM, NULL, 0);
  }
}

static void reply_entry(struct fs *fs, const struct fuse_in_header *header, struct node *node) {
  struct fuse_entry_out out;
  kernel_fill_entry(fs, &out, node);
  kernel_reply(fs, header->unique, 0, &out, sizeof out);
}

static void reply_absent(struct fs *fs, const struct fuse_in_header *header) {
  struct fuse_entry_out out = {.entry_valid = forever_s}; /* node 0: absent, and to be remembered as that */
  kernel_reply(fs, header->unique, 0, &out, sizeof out);
}

/* Not remembered, so that each job that meets it is told of. */
static void reply_refused(struct fs *fs, const struct fuse_in_header *header, const struct node *node,
                          int error) {
  report_fault(fs, FAULT_REFUSED, error, node, "");
  kernel_reply(fs, header->unique, error, NULL, 0);
}

static void lookup(struct fs *fs, struct node *parent, const struct fuse_in_header *header, size_t length) {
  const char *name = (const char *)(header + 1);
  /* The kernel asks for longer ones than any file can have, and nobody else can be asked. */
  if (!is_name(name)) return kernel_reply(fs, header->unique, ENAMETOOLONG, NULL, 0);
  if (parent->detached) return park(fs, parent, header, length, -1);
  struct node *node = node_child(&fs->nodes, parent, name);
  enum directory_state state = parent->directory ? parent->directory->state : DIRECTORY_UNKNOWN;
  if (!node && state == DIRECTORY_WHOLE) return reply_absent(fs, header);
  if (!node && state == DIRECTORY_UNKNOWN)
    return park(fs, parent, header, length, ask_list(fs, parent, LIST_AROUND, name));
  if (!node && !(node = node_make(&fs->nodes, parent, name)))
    return kernel_reply(fs, header->unique, ENOMEM, NULL, 0);
  if (node->state == NODE_UNKNOWN || (node->state == NODE_PRESENT && node->unsure))
    return park(fs, node, header, length, ask_look(fs, node));
  if (node->state == NODE_ABSENT) reply_absent(fs, header);
  else if (node->state == NODE_REFUSED) reply_refused(fs, header, node, ENOENT);
  else if (node_is_special(node) || node_leads_apart(node)) reply_refused(fs, header, node, ENXIO);
  else reply_entry(fs, header, node);
}

static void getattr(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length) {
  if (node->unsure && !node->detached)
    return park(fs, node, header, length,
                node->parent ? ask_look(fs, node) : ask_list(fs, node, LIST_WHOLE, ""));
  struct fuse_attr_out out = {.attr_valid = forever_s};
  kernel_fill_attr(fs, &out.attr, &node->attr);
  kernel_reply(fs, header->unique, 0, &out, sizeof out);
}

static void read_link(struct fs *fs, struct node *node, const struct fuse_in_header *header) {
  if (!node->target) return kernel_reply(fs, header->unique, EINVAL, NULL, 0);
  kernel_reply(fs, header->unique, 0, node->target, strlen(node->target));
}

static void read_file(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length) {
  const struct fuse_read_in *in = (const struct fuse_read_in *)(header + 1);
  if (node->unsure && !node->detached) return park(fs, node, header, length, ask_look(fs, node));
  uint64_t left = in->offset < node->attr.size ? node->attr.size - in->offset : 0;
  uint32_t size = in->size < KERNEL_READ_BYTES ? in->size : KERNEL_READ_BYTES;
  if (size > left) size = (uint32_t)left;
  enum content_answer answer =
      size ? content_read(fs, node, in->offset, size, fs->read_buffer) : CONTENT_READY;
  if (answer == CONTENT_READY) return kernel_reply(fs, header->unique, 0, fs->read_buffer, size);
  if (answer == CONTENT_WAIT) return park(fs, node, header, length, 0);
  report_fault(fs, FAULT_STALE, ESTALE, node, "");
  kernel_reply(fs, header->unique, EIO, NULL, 0);
}

static void forget(struct fs *fs, uint64_t id, uint64_t count) {
  struct node *node = node_by_id(&fs->nodes, id);
  if (!node) return;
  node->lookups -= count < node->lookups ? count : node->lookups;
  node_release(&fs->nodes, node);
}

static void forget_many(struct fs *fs, const struct fuse_in_header *header, size_t length) {
  const struct fuse_batch_forget_in *in = (const struct fuse_batch_forget_in *)(header + 1);
  const struct fuse_forget_one *one = (const struct fuse_forget_one *)(in + 1);
  size_t room = (length - sizeof *header - sizeof *in) / sizeof *one;
  for (size_t i = 0; i < in->count && i < room; i++) forget(fs, one[i].nodeid, one[i].nlookup);
}

static void begin(struct fs *fs, const struct fuse_in_header *header) {
  const struct fuse_init_in *in = (const struct fuse_init_in *)(header + 1);
  struct fuse_init_out out = {
      .major = FUSE_KERNEL_VERSION,
      .minor = 31,
      .max_readahead = KERNEL_READ_BYTES,
      .flags = in->flags &
               (FUSE_ASYNC_READ | FUSE_BIG_WRITES | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO |
                FUSE_PARALLEL_DIROPS | FUSE_CACHE_SYMLINKS | FUSE_NO_OPENDIR_SUPPORT | FUSE_NO_OPEN_SUPPORT |
                FUSE_MAX_PAGES | FUSE_EXPLICIT_INVAL_DATA | FUSE_EXPORT_SUPPORT),
      .max_background = 64,
      .congestion_threshold = 48,
      .max_write = KERNEL_READ_BYTES,
      .time_gran = 1,
      .max_pages = KERNEL_READ_BYTES / 4096,
  };
  kernel_reply(fs, header->unique, 0, &out, sizeof out);
}

static void reply_statfs(struct fs *fs, const struct fuse_in_header *header) {
  /* There is room, for whoever looks before writing: where there is none is found where it is written. */
  const uint64_t room = (uint64_t)1 << 30;
  struct fuse_statfs_out out = {.st = {.blocks = room,
                                       .bfree = room,
                                       .bavail = room,
                                       .files = room,
                                       .ffree = room,
                                       .bsize = 4096,
                                       .frsize = 4096,
                                       .namelen = NAME_MAX}};
  kernel_reply(fs, header->unique, 0, &out, sizeof out);
}

/* A job tried to write where only reading is. */
static void refuse_write(struct fs *fs, const struct fuse_in_header *header, const struct node *node,
                         size_t skip) {
  const char *name = skip ? (const char *)(header + 1) + skip : "";
  report_fault(fs, FAULT_WRITE, EROFS, node, name);
  kernel_reply(fs, header->unique, EROFS, NULL, 0);
}

/* Everything that would change the tree. 1 if it was one of those. */
static int handle_write(struct fs *fs, struct node *node, const struct fuse_in_header *header) {
  switch (header->opcode) {
    case FUSE_CREATE: refuse_write(fs, header, node, sizeof(struct fuse_create_in)); return 1;
    case FUSE_MKNOD: refuse_write(fs, header, node, sizeof(struct fuse_mknod_in)); return 1;
    case FUSE_MKDIR: refuse_write(fs, header, node, sizeof(struct fuse_mkdir_in)); return 1;
    case FUSE_LINK: refuse_write(fs, header, node, sizeof(struct fuse_link_in)); return 1;
    case FUSE_RENAME: refuse_write(fs, header, node, sizeof(struct fuse_rename_in)); return 1;
    case FUSE_RENAME2: refuse_write(fs, header, node, sizeof(struct fuse_rename2_in)); return 1;
    case 51: /* FUSE_TMPFILE, which older headers lack */
    case FUSE_SETATTR:
    case FUSE_SYMLINK:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_WRITE:
    case FUSE_SETXATTR:
    case FUSE_REMOVEXATTR:
    case FUSE_FALLOCATE: refuse_write(fs, header, node, 0); return 1;
    default: return 0;
  }
}

/* The shortest body of a request that is looked into. */
static size_t least_body(uint32_t opcode) {
  switch (opcode) {
    case FUSE_LOOKUP: return 2;
    case FUSE_READ:
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: return sizeof(struct fuse_read_in);
    case FUSE_FORGET: return sizeof(struct fuse_forget_in);
    case FUSE_BATCH_FORGET: return sizeof(struct fuse_batch_forget_in);
    case FUSE_INTERRUPT: return sizeof(struct fuse_interrupt_in);
    case FUSE_INIT: return 16;
    case FUSE_CREATE: return sizeof(struct fuse_create_in) + 2;
    case FUSE_RENAME2: return sizeof(struct fuse_rename2_in) + 2;
    case FUSE_MKNOD: return sizeof(struct fuse_mknod_in) + 2;
    case FUSE_MKDIR: return sizeof(struct fuse_mkdir_in) + 2;
    case FUSE_LINK: return sizeof(struct fuse_link_in) + 2;
    case FUSE_RENAME: return sizeof(struct fuse_rename_in) + 2;
    default: return 0;
  }
}

static void dispatch(struct fs *fs, struct node *node, const struct fuse_in_header *header, size_t length) {
  switch (header->opcode) {
    case FUSE_LOOKUP: return lookup(fs, node, header, length);
    case FUSE_GETATTR: return getattr(fs, node, header, length);
    case FUSE_READLINK: return read_link(fs, node, header);
    case FUSE_READ: return read_file(fs, node, header, length);
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: return handle_readdir(fs, node, header, length);
    case FUSE_RELEASE:
    case FUSE_RELEASEDIR: return kernel_reply(fs, header->unique, 0, NULL, 0);
    /* The kernel then asks for none of these again. */
    case FUSE_OPEN:
    case FUSE_OPENDIR:
    case FUSE_FLUSH:
    default: return kernel_reply(fs, header->unique, ENOSYS, NULL, 0);
  }
}

void kernel_handle(struct fs *fs, const unsigned char *request, size_t length) {
  const struct fuse_in_header *header = (const struct fuse_in_header *)request;
  fs->asker = header->pid;
  if (length < sizeof *header + least_body(header->opcode))
    return kernel_reply(fs, header->unique, EIO, NULL, 0);
  switch (header->opcode) {
    case FUSE_FORGET:
      return forget(fs, header->nodeid, ((const struct fuse_forget_in *)(header + 1))->nlookup);
    case FUSE_BATCH_FORGET: return forget_many(fs, header, length);
    case FUSE_INTERRUPT: return interrupts_note(fs, ((const struct fuse_interrupt_in *)(header + 1))->unique);
    case FUSE_INIT: return begin(fs, header);
    case FUSE_STATFS: return reply_statfs(fs, header);
    case FUSE_DESTROY: fs->ended = 1; return kernel_reply(fs, header->unique, 0, NULL, 0);
    default: break;
  }
  struct node *node = node_by_id(&fs->nodes, header->nodeid);
  if (!node) return kernel_reply(fs, header->unique, ESTALE, NULL, 0);
  if (!handle_write(fs, node, header)) dispatch(fs, node, header, length);
}

int kernel_serve(struct fs *fs) {
  unsigned char *buffer = fs->request_buffer;
  for (int i = 0; i < MOST_AT_ONCE && !fs->ended; i++) {
    ssize_t got = read(fs->device, buffer, REQUEST_BUFFER_BYTES - 1);
    if (got < 0 && (errno == EINTR || errno == ENOENT)) continue;
    if (got < 0) return errno == EAGAIN ? 0 : -1;
    if ((size_t)got < sizeof(struct fuse_in_header)) return -1;
    buffer[got] = 0; /* names end, whatever comes */
    const struct fuse_in_header *header = (const struct fuse_in_header *)buffer;
    fs->figures.requests++;
    if (header->opcode < 64) fs->figures.opcodes[header->opcode]++;
    kernel_handle(fs, buffer, (size_t)got);
  }
  return fs->ended ? -1 : 0;
}
