#define _GNU_SOURCE
#include "far.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum { FRESH_MS = 1000, SOON_MS = 100, PATIENCE_MS = 2000, STACK_BYTES = 64 * 1024 };

/* A look that is under way; of the thread and of who asked the last one frees it. */
struct look {
  atomic_int holders;
  pthread_mutex_t lock;
  pthread_cond_t ended;
  int has_ended;
  long long begun_ms, ended_ms;
  char path[];
};

struct far {
  uint64_t mount;    /* tells it from another one at that path */
  struct look *look; /* that it owes an answer to */
  long long answered_ms;
  int was_silent; /* it was said not to answer */
  char path[];
};

int is_far(const char *type) {
  static const char *const near[] = {
      "ext2",    "ext3",       "ext4",       "xfs",       "btrfs",   "f2fs",   "bcachefs",   "zfs",
      "jfs",     "reiserfs",   "nilfs2",     "ntfs3",     "exfat",   "vfat",   "msdos",      "hfsplus",
      "iso9660", "udf",        "squashfs",   "erofs",     "tmpfs",   "ramfs",  "overlay",    "devtmpfs",
      "proc",    "sysfs",      "devpts",     "cgroup",    "cgroup2", "mqueue", "hugetlbfs",  "debugfs",
      "tracefs", "securityfs", "configfs",   "pstore",    "bpf",     "nsfs",   "efivarfs",   "binfmt_misc",
      "autofs",  "fusectl",    "rpc_pipefs", "selinuxfs", "rootfs",  "nfsd",   "fuse.lxcfs", NULL,
  };
  size_t length = strcspn(type, " ");
  for (int i = 0; near[i]; i++)
    if (strlen(near[i]) == length && strncmp(near[i], type, length) == 0) return 0;
  return 1;
}

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void let_go(struct look *look) {
  if (look && atomic_fetch_sub(&look->holders, 1) == 1) free(look);
}

static void *look_at(void *argument) {
  struct look *look = argument;
  struct stat of;
  lstat(look->path, &of);
  pthread_mutex_lock(&look->lock);
  look->has_ended = 1;
  look->ended_ms = now_ms();
  pthread_cond_signal(&look->ended);
  pthread_mutex_unlock(&look->lock);
  let_go(look);
  return NULL;
}

/* NULL if that cannot be done. */
static struct look *start_look(const char *path) {
  struct look *look = calloc(1, sizeof *look + strlen(path) + 1);
  pthread_condattr_t clock;
  pthread_attr_t detached;
  pthread_t thread;
  if (!look) return NULL;
  strcpy(look->path, path);
  look->begun_ms = now_ms();
  atomic_init(&look->holders, 2);
  pthread_mutex_init(&look->lock, NULL);
  pthread_condattr_init(&clock);
  pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
  pthread_cond_init(&look->ended, &clock);
  pthread_attr_init(&detached);
  pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
  pthread_attr_setstacksize(&detached, STACK_BYTES);
  if (pthread_create(&thread, &detached, look_at, look) == 0) return look;
  free(look);
  return NULL;
}

/* Waits for its end for that long at most; 1 if it has ended. */
static int has_ended(struct look *look, long long patience_ms) {
  long long until_ms = now_ms() + (patience_ms > 0 ? patience_ms : 0);
  struct timespec until = {until_ms / 1000, until_ms % 1000 * 1000000};
  pthread_mutex_lock(&look->lock);
  while (!look->has_ended && pthread_cond_timedwait(&look->ended, &look->lock, &until) == 0) continue;
  int ended = look->has_ended;
  pthread_mutex_unlock(&look->lock);
  return ended;
}

void far_add(struct map *far, const char *path, uint64_t mount) {
  struct far *one = calloc(1, sizeof *one + strlen(path) + 1);
  if (!one) return;
  strcpy(one->path, path);
  one->mount = mount;
  one->answered_ms = now_ms() - FRESH_MS;
  uint64_t key = hash_text(0, path);
  if (map_get(far, key) || map_set(far, key, one) != 0) free(one);
}

static struct far *find(const struct map *far, const char *path) {
  struct far *one = far->count > 0 ? map_get(far, hash_text(0, path)) : NULL;
  return one && strcmp(one->path, path) == 0 ? one : NULL;
}

/* Has it answered just now, or need nobody look, as it did so a moment ago? */
static int is_fresh(struct far *one) {
  if (one->look && has_ended(one->look, 0)) {
    one->answered_ms = one->look->ended_ms;
    let_go(one->look);
    one->look = NULL;
  }
  return !one->look && now_ms() - one->answered_ms < FRESH_MS;
}

/* One that is slow is seldom the only one: so that whoever looks at several waits for all of them at the same time. */
static void look_at_all(struct map *far) {
  for (size_t i = 0; i < far->room; i++) {
    struct far *one = far->slots[i].value;
    if (one && !is_fresh(one) && !one->look) one->look = start_look(one->path);
  }
}

int far_answers(struct map *far, const char *path) {
  struct far *one = find(far, path);
  if (!one || is_fresh(one)) return 1;
  if (!one->look) {
    one->look = start_look(path);
    if (!one->look) return 1;
    if (!has_ended(one->look, SOON_MS)) look_at_all(far);
  }
  if (!one->look) return 1;
  if (has_ended(one->look, one->look->begun_ms + PATIENCE_MS - now_ms())) return 1;
  one->was_silent = 1;
  return 0;
}

void far_keep(struct map *far, struct map *before) {
  for (size_t i = 0; i < before->room; i++) {
    struct far *old = before->slots[i].value, *one = old ? find(far, old->path) : NULL;
    if (!one || one->mount != old->mount) continue;
    one->look = old->look;
    one->answered_ms = old->answered_ms;
    one->was_silent = old->was_silent;
    old->look = NULL;
  }
}

int far_answered(struct map *far, void (*changed)(void *context, const char *path), void *context) {
  int any = 0;
  for (size_t i = 0; i < far->room; i++) {
    struct far *one = far->slots[i].value;
    if (!one || !one->was_silent || (one->look && !has_ended(one->look, 0))) continue;
    one->was_silent = 0;
    changed(context, one->path);
    any = 1;
  }
  return any;
}

void far_clear(struct map *far) {
  for (size_t i = 0; i < far->room; i++) {
    struct far *one = far->slots[i].value;
    if (one) let_go(one->look);
    free(one);
  }
  map_clear(far);
}
