/*
 * swarmfs: the file system of one submitter on a worker, for the peer that started it (docs/TREE-PROTOCOL.md). It
 * speaks frames on stdin and stdout, and raw FUSE with the kernel, in a user and a mount namespace of its own that
 * jobs enter. It ends with its stdin.
 */
#define _GNU_SOURCE
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ahead.h"
#include "changes.h"
#include "content.h"
#include "fs.h"
#include "keeper.h"
#include "kernel.h"
#include "manifest.h"
#include "mount.h"

enum {
  MOST_NODES = 3 * 1000 * 1000, /* then all is forgotten and told anew */
  INDEX_RECORDS = 2 * 1000 * 1000,
  MEMORY_BYTES = 24 * 1024 * 1024,
  LAST_WORDS_MS = 500,
};

static long frame_limit(int type) {
  switch (type) {
    case FRAME_TREE_START: return TREE_START_BYTES;
    case FRAME_TREE_MANIFEST: return TREE_MANIFEST_BYTES;
    case FRAME_TREE_CONTENT: return TREE_CONTENT_BYTES;
    case FRAME_TREE_CHANGES: return TREE_CHANGES_BYTES;
    case FRAME_TREE_AHEAD: return TREE_AHEAD_BYTES;
    case FRAME_TREE_FAILED: return 8;
    case FRAME_TREE_STORE: return TREE_REQUEST_BYTES;
    case FRAME_TREE_STATUS: return 4;
    default: return -1;
  }
}

static void read_identity(struct identity *identity, const struct settings *settings) {
  identity->uid = (uint32_t)setting_number(settings, "uid", getuid());
  identity->gid = (uint32_t)setting_number(settings, "gid", getgid());
  size_t at = 0;
  const char *group;
  while (identity->group_count < sizeof identity->groups / sizeof *identity->groups &&
         (group = setting_next(settings, "group", &at)))
    identity->groups[identity->group_count++] = (uint32_t)strtoul(group, NULL, 10);
}

static uint64_t namespace_inode(const char *path) {
  struct stat of;
  return stat(path, &of) == 0 ? of.st_ino : 0;
}

static void send_ready(struct fs *fs, const char *failed_step, int error) {
  struct bytes *to = &fs->link.outgoing;
  size_t start = frame_start(to, FRAME_TREE_READY);
  add_setting(to, "version", "1");
  if (failed_step) {
    add_setting(to, "failed", failed_step);
    add_setting_number(to, "errno", (uint64_t)error);
  } else {
    add_setting_number(to, "pid", (uint64_t)getpid());
    add_setting_number(to, "userNamespace", namespace_inode("/proc/self/ns/user"));
    add_setting_number(to, "mountNamespace", namespace_inode("/proc/self/ns/mnt"));
  }
  frame_finish(to, start);
}

/* Everything that is needed before the first request, in an order that forking and threads allow. */
static int start(struct fs *fs, const struct frame *frame) {
  static struct settings settings; /* the paths in it are used to the end */
  if (fs->read_buffer || settings_read(&settings, frame) != 0) return -1;
  const char *point = setting(&settings, "mountPoint", "");
  const char *device = setting(&settings, "device", "/dev/fuse");
  read_identity(&fs->identity, &settings);
  fs->tree = setting_number(&settings, "tree", 1);
  fs->plain_dev = setting_number(&settings, "plainDevice", 0);
  fs->use_own_files = setting_number(&settings, "useOwnFiles", 1) != 0;
  fs->scratch = setting(&settings, "scratch", "");
  fs->read_buffer = malloc(KERNEL_READ_BYTES);
  fs->request_buffer = malloc(REQUEST_BUFFER_BYTES);
  if (!fs->read_buffer || !fs->request_buffer || nodes_open(&fs->nodes) != 0) return -1;
  hash_index_open(&fs->index, setting(&settings, "index", ""), INDEX_RECORDS);
  if (store_open(&fs->store, setting(&settings, "cache", ""),
                 setting_number(&settings, "memoryBytes", MEMORY_BYTES),
                 setting_number(&settings, "cacheBytes", (uint64_t)10 << 30)) != 0) {
    send_ready(fs, "cache", errno);
    return -1;
  }
  struct mount_failure failure = mount_tree(fs, device, point, setting(&settings, "overlay", ""));
  if (failure.step) {
    send_ready(fs, failure.step, failure.error);
    return -1;
  }
  const int not_for_keeper[] = {fs->device, fs->link.in, fs->link.out};
  if (keeper_start(point, fs->scratch, not_for_keeper, 3) < 0 || store_start(&fs->store) != 0 ||
      notifier_start(&fs->notifier, fs->device) != 0) {
    send_ready(fs, "process", errno);
    return -1;
  }
  send_ready(fs, NULL, 0);
  return 0;
}

static uint64_t cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int send_figures(struct fs *fs, const struct frame *frame) {
  if (frame->length != 4) return -1;
  const struct {
    const char *key;
    uint64_t value;
  } figures[] = {
      {"requests", fs->figures.requests},
      {"lookups", fs->figures.opcodes[FUSE_LOOKUP]},
      {"getattrs", fs->figures.opcodes[FUSE_GETATTR]},
      {"reads", fs->figures.opcodes[FUSE_READ]},
      {"opens", fs->figures.opcodes[FUSE_OPEN]},
      {"readlinks", fs->figures.opcodes[FUSE_READLINK]},
      {"readdirs", fs->figures.opcodes[FUSE_READDIR] + fs->figures.opcodes[FUSE_READDIRPLUS]},
      {"forgets", fs->figures.opcodes[FUSE_FORGET] + fs->figures.opcodes[FUSE_BATCH_FORGET]},
      {"asks", fs->figures.asks},
      {"listAsks", fs->figures.lists},
      {"lookAsks", fs->figures.looks},
      {"readAsks", fs->figures.reads},
      {"ownFiles", fs->figures.own_files},
      {"ownBytes", fs->figures.own_bytes},
      {"fetchedBytes", fs->figures.fetched_bytes},
      {"aheadAsks", fs->figures.ahead},
      {"aheadWaiting", fs->ahead.count + fs->supply.ahead_count},
      {"faults", fs->figures.faults},
      {"waiting", fs->supply.waiting_count},
      {"nodes", fs->nodes.count},
      {"notices", fs->notifier.queued},
      {"cacheBytes", fs->store.disk_bytes},
      {"cacheHits", fs->store.hits},
      {"cacheDamaged", fs->store.damaged},
      {"cacheEvictedBytes", fs->store.evicted_bytes},
      {"memoryBytes", fs->store.memory_bytes},
      {"cpuUs", cpu_us()},
  };
  struct bytes *to = &fs->link.outgoing;
  size_t at = frame_start(to, FRAME_TREE_FIGURES);
  bytes_add(to, frame->payload, 4);
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
    add_setting_number(to, figures[i].key, figures[i].value);
  frame_finish(to, at);
  return 0;
}

static int take_frame(struct fs *fs, const struct frame *frame) {
  if (!fs->read_buffer) return frame->type == FRAME_TREE_START ? start(fs, frame) : -1;
  switch (frame->type) {
    case FRAME_TREE_MANIFEST: return take_manifest(fs, frame);
    case FRAME_TREE_CONTENT: return take_content(fs, frame);
    case FRAME_TREE_CHANGES: return take_changes(fs, frame);
    case FRAME_TREE_AHEAD: return take_ahead(fs, frame);
    case FRAME_TREE_FAILED: return take_failed(fs, frame);
    case FRAME_TREE_STORE: return take_store(fs, frame);
    case FRAME_TREE_STATUS: return send_figures(fs, frame);
    default: return -1;
  }
}

static int take_frames(struct fs *fs) {
  struct frame frame;
  int found;
  while ((found = link_next(&fs->link, frame_limit, &frame)) > 0)
    if (take_frame(fs, &frame) != 0) return -1;
  return found < 0 ? -1 : 0;
}

/* What is done between requests. */
static void settle(struct fs *fs) {
  uint64_t ignored;
  if (read(fs->notifier.wake_fd, &ignored, sizeof ignored) < 0 && errno != EAGAIN) abort();
  interrupts_settle(fs);
  changes_settle(fs);
  store_settle(&fs->store);
  ahead_go_on(fs);
  if (fs->nodes.count > MOST_NODES) drop_everything(fs);
}

static int serve_events(struct fs *fs) {
  struct pollfd polls[] = {
      {.fd = fs->link.in, .events = POLLIN},
      {.fd = link_unsent(&fs->link) ? fs->link.out : -1, .events = POLLOUT},
      {.fd = fs->notifier.wake_fd ? fs->device : -1, .events = POLLIN},
      {.fd = fs->notifier.wake_fd ? fs->notifier.wake_fd : -1, .events = POLLIN},
  };
  if (poll(polls, sizeof polls / sizeof *polls, ahead_is_due(fs) ? 0 : interrupts_wait_ms(fs)) < 0)
    return errno == EINTR ? 0 : -1;
  if (polls[0].revents && link_receive(&fs->link) < 0) return -1;
  if (polls[0].revents && take_frames(fs) != 0) return -1;
  if (polls[2].revents && kernel_serve(fs) != 0) return -1;
  if (fs->notifier.wake_fd) settle(fs);
  return link_flush(&fs->link);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc != 1) {
    dprintf(2, "Usage: swarmfs\nMounts a submitter's files for a buildswarm peer, which starts it; speaks on "
               "stdin and stdout.\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN); /* what may not grow on is as on a full disk */
  static struct fs fs;
  fs.device = -1;
  fs.applying_last = &fs.applying;
  fs.supply.handle = kernel_handle;
  fs.supply.wanted = ahead_wanted;
  link_open(&fs.link, 0, 1);
  while (serve_events(&fs) == 0) continue;
  link_drain(&fs.link, LAST_WORDS_MS);
  /* The store's writer is not waited for: a copy that is cut off is found to be damaged. */
  hash_index_flush(&fs.index);
  return 0;
}
