/*
 * The pool: places that stand ready for jobs, so that none waits until one is made, and what jobs leave is removed. A
 * place is for one job. Made are those that the jobs before would have wanted, one at each end of a job; after some time
 * without a job none is kept. It serves the peer on stdin and stdout, and jobs at a socket, and ends with its stdin.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "../tree/link.h"
#include "../tree/remove.h"
#include "../tree/settings.h"
#include "pool.h"
#include "ready.h"
#include "remover.h"

enum {
  MOST_READY = 16,
  MOST_CLAIMS = 256, /* more jobs at once make their places themselves */
  ASKED_BYTES = MOST_AREAS * PATH_MAX,
  LAST_WORDS_MS = 500,
};

enum { END_PEER, END_SWARMFS, END_JOBS, END_REMOVER, ENDS }; /* of what is polled; then the claims */

/* A job, for as long as it takes. */
struct claim {
  int fd;
  int namespace; /* mount namespace of its place, kept so that it ends after the job and not in it; -1: none */
  char name[POOL_NAME_BYTES]; /* of that place's directory, until the job has made it its own; empty: none */
};

struct pool {
  const struct job *job; /* what places are made of */
  struct workshop workshop;
  struct remover remover;
  struct tree_link link;
  int listener, swarmfs; /* -1: over */
  struct ready_place ready[MOST_READY];
  int ready_count;
  struct claim claims[MOST_CLAIMS];
  int claim_count, most_claims; /* of jobs at once since it was idle */
  int owed;                     /* places to be made, for jobs that have ended */
  char areas[ASKED_BYTES];      /* of the newest job, each ended by a NUL: places are made for these */
  size_t areas_bytes;
  unsigned last_name;
  long long idle_at;
  struct {
    uint64_t made, given, stale, missed, failed;
  } figures;
};

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void path_in_pool(const struct pool *pool, const char *name, char path[PATH_MAX]) {
  snprintf(path, PATH_MAX, "%s/%s", pool->job->pool, name);
}

static void remove_directory(struct pool *pool, const char *name) {
  char path[PATH_MAX];
  path_in_pool(pool, name, path);
  remover_ask(&pool->remover, 0, path);
}

static struct ready_place take_newest(struct pool *pool) { return pool->ready[--pool->ready_count]; }

static void drop(struct pool *pool, struct ready_place *ready) {
  ready_close(ready);
  remove_directory(pool, ready->name);
}

static void drop_all(struct pool *pool) {
  pool->owed = 0;
  while (pool->ready_count > 0) {
    struct ready_place ready = take_newest(pool);
    drop(pool, &ready);
  }
}

/* The job that a place is made of: that of the pool, with the areas of the newest. */
static struct job pattern(const struct pool *pool, const char *scratch) {
  struct job job = *pool->job;
  job.scratch = scratch;
  for (const char *at = pool->areas; at < pool->areas + pool->areas_bytes; at += strlen(at) + 1)
    job.areas[job.area_count++] = at;
  return job;
}

static int should_make(const struct pool *pool) {
  return pool->owed > 0 && pool->ready_count < MOST_READY && pool->ready_count <= pool->most_claims &&
         pool->swarmfs >= 0;
}

static void make_one(struct pool *pool) {
  struct ready_place *ready = &pool->ready[pool->ready_count];
  char path[PATH_MAX];
  pool->owed--;
  snprintf(ready->name, sizeof ready->name, "%u", ++pool->last_name);
  path_in_pool(pool, ready->name, path);
  struct job job = pattern(pool, path);
  if (mkdir(path, 0700) == 0 && ready_make(ready, &pool->workshop, &job) == 0) {
    pool->ready_count++;
    pool->figures.made++;
    return;
  }
  /* Jobs make their own, and tell why that cannot be done. */
  pool->figures.failed++;
  remove_directory(pool, ready->name);
}

/* The newest that is as if it were built now; 0 if there is none. Those that are not are dropped. */
static int find_fresh(struct pool *pool, struct ready_place *ready) {
  struct job job = pattern(pool, "");
  while (pool->ready_count > 0) {
    *ready = take_newest(pool);
    if (ready_is_fresh(ready, &pool->workshop, &job)) return 1;
    drop(pool, ready);
    pool->figures.stale++;
  }
  return 0;
}

/* One that does not arrive goes with its claim. */
static void give(const struct claim *claim, const struct ready_place *ready) {
  union {
    struct cmsghdr head;
    char room[CMSG_SPACE(sizeof ready->place.namespaces)];
  } control = {0};
  struct iovec part = {.iov_base = (char *)(uintptr_t)ready->name, .iov_len = strlen(ready->name)};
  struct msghdr message = {
      .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
  control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof ready->place.namespaces),
                                  .cmsg_level = SOL_SOCKET,
                                  .cmsg_type = SCM_RIGHTS};
  memcpy(CMSG_DATA(&control.head), ready->place.namespaces, sizeof ready->place.namespaces);
  sendmsg(claim->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Places for other areas than the newest job's are of no use. */
static void want(struct pool *pool, const char *areas, size_t length) {
  if (length == pool->areas_bytes && memcmp(areas, pool->areas, length) == 0) return;
  drop_all(pool);
  memcpy(pool->areas, areas, length);
  pool->areas_bytes = length;
}

static void answer(struct pool *pool, struct claim *claim, const char *areas, size_t length) {
  struct ready_place ready;
  want(pool, areas, length);
  if (!find_fresh(pool, &ready)) {
    pool->figures.missed++;
    send(claim->fd, pool_has_none, sizeof pool_has_none - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
    return;
  }
  pool->figures.given++;
  claim->namespace = dup(ready.place.namespaces[0]);
  strcpy(claim->name, ready.name);
  give(claim, &ready);
  ready_close(&ready);
}

static int are_areas(const char *asked, size_t length) {
  int count = 0;
  if (asked[length - 1] != '\0') return 0;
  for (const char *at = asked; at < asked + length; at += strlen(at) + 1)
    if (++count > MOST_AREAS || strlen(at) >= PATH_MAX) return 0;
  return 1;
}

static void end_claim(struct pool *pool, struct claim *claim) {
  close(claim->fd);
  if (claim->namespace >= 0) close(claim->namespace);
  if (*claim->name) remove_directory(pool, claim->name); /* of a job that did not come to take it over */
  *claim = pool->claims[--pool->claim_count];
  if (pool->owed < MOST_READY) pool->owed++;
  pool->idle_at = now_ms() + pool->job->idle_ms;
}

static void take_claim(struct pool *pool, struct claim *claim) {
  static char asked[ASKED_BYTES + 1];
  ssize_t got = recv(claim->fd, asked, sizeof asked, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got > 0 && got <= ASKED_BYTES && are_areas(asked, (size_t)got)) answer(pool, claim, asked, (size_t)got);
  else end_claim(pool, claim);
}

static void accept_claim(struct pool *pool) {
  int fd = accept4(pool->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd < 0) return;
  if (pool->claim_count == MOST_CLAIMS) {
    close(fd);
    return;
  }
  pool->claims[pool->claim_count++] = (struct claim){.fd = fd, .namespace = -1};
  if (pool->claim_count > pool->most_claims) pool->most_claims = pool->claim_count;
  /* What it asks came with it. */
  take_claim(pool, &pool->claims[pool->claim_count - 1]);
}

static void send_done(struct pool *pool, uint32_t id, int error) {
  struct bytes *to = &pool->link.outgoing;
  size_t at = frame_start(to, FRAME_TREE_DONE);
  add_u32(to, id);
  add_u32(to, (uint32_t)error);
  frame_finish(to, at);
}

/* A job is over and its scratch no longer needed. Only what lies below the scratch directory is removed. */
static int take_discard(struct pool *pool, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  uint32_t id = take_u32(&from);
  take_path(&from, path);
  const char *scratch = pool->job->scratch;
  if (from.failed || cursor_left(&from) || id == 0 || !is_within(path, scratch) || strcmp(path, scratch) == 0)
    return -1;
  remover_ask(&pool->remover, id, path);
  return 0;
}

static int send_figures(struct pool *pool, const struct frame *frame) {
  struct bytes *to = &pool->link.outgoing;
  if (frame->length != 4) return -1;
  size_t at = frame_start(to, FRAME_TREE_FIGURES);
  bytes_add(to, frame->payload, 4);
  add_setting_number(to, "ready", (uint64_t)pool->ready_count);
  add_setting_number(to, "jobs", (uint64_t)pool->claim_count);
  add_setting_number(to, "made", pool->figures.made);
  add_setting_number(to, "given", pool->figures.given);
  add_setting_number(to, "stale", pool->figures.stale);
  add_setting_number(to, "missed", pool->figures.missed);
  add_setting_number(to, "failed", pool->figures.failed);
  frame_finish(to, at);
  return 0;
}

static long frame_limit(int type) {
  switch (type) {
    case FRAME_TREE_DISCARD: return TREE_REQUEST_BYTES;
    case FRAME_TREE_STATUS: return 4;
    default: return -1;
  }
}

static int take_frames(struct pool *pool) {
  struct frame frame;
  int found;
  while ((found = link_next(&pool->link, frame_limit, &frame)) > 0) {
    int failed = frame.type == FRAME_TREE_DISCARD ? take_discard(pool, &frame) : send_figures(pool, &frame);
    if (failed) return -1;
  }
  return found < 0 ? -1 : 0;
}

static int take_removed(struct pool *pool) {
  uint32_t id;
  int error, found;
  while ((found = remover_answer(&pool->remover, &id, &error)) > 0) send_done(pool, id, error);
  return found;
}

/* Nothing can be read any more: no place is of use. The peer is told by swarmfs itself. */
static void lose_swarmfs(struct pool *pool) {
  pool->swarmfs = -1;
  drop_all(pool);
}

static void be_idle_when_due(struct pool *pool) {
  if (pool->claim_count > 0 || now_ms() < pool->idle_at) return;
  drop_all(pool);
  pool->most_claims = 0;
}

static int next_wait_ms(const struct pool *pool) {
  if (should_make(pool)) return 0;
  if (pool->claim_count > 0 || pool->ready_count == 0) return -1;
  long long left = pool->idle_at - now_ms();
  return left < 0 ? 0 : (int)left;
}

/* Whoever waits comes first; a place is made when nobody does. */
static int serve_events(struct pool *pool) {
  struct pollfd polls[ENDS + MOST_CLAIMS] = {
      [END_PEER] = {.fd = pool->link.in, .events = POLLIN},
      [END_SWARMFS] = {.fd = pool->swarmfs, .events = POLLIN},
      [END_JOBS] = {.fd = pool->listener, .events = POLLIN},
      [END_REMOVER] = {.fd = pool->remover.socket, .events = remover_events(&pool->remover)},
  };
  int count = pool->claim_count;
  for (int i = 0; i < count; i++)
    polls[ENDS + i] = (struct pollfd){.fd = pool->claims[i].fd, .events = POLLIN};
  int ready = poll(polls, (nfds_t)(ENDS + count), next_wait_ms(pool));
  if (ready < 0) return errno == EINTR ? 0 : -1;
  if (ready == 0 && should_make(pool)) make_one(pool);
  be_idle_when_due(pool);
  if (polls[END_SWARMFS].revents) lose_swarmfs(pool);
  /* From the last: the last one takes the place of one that ends. */
  for (int i = count; i-- > 0;)
    if (polls[ENDS + i].revents) take_claim(pool, &pool->claims[i]);
  if (polls[END_JOBS].revents) accept_claim(pool);
  if (polls[END_REMOVER].revents && take_removed(pool) != 0) return -1;
  if (polls[END_PEER].revents && (link_receive(&pool->link) < 0 || take_frames(pool) != 0)) return -1;
  if (remover_go_on(&pool->remover) != 0) return -1;
  return link_flush(&pool->link);
}

static int listen_in(const char *directory) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int at = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
  int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  /* By a descriptor: the path of a socket has little room. */
  snprintf(address.sun_path, sizeof address.sun_path, "/proc/self/fd/%d/%s", at, pool_socket_name);
  if (at < 0 || fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 ||
      listen(fd, MOST_CLAIMS) != 0)
    return -1;
  close(at);
  return fd;
}

static void say_ready(struct pool *pool, const char *failed_step) {
  struct bytes *to = &pool->link.outgoing;
  size_t at = frame_start(to, FRAME_TREE_READY);
  int error = errno;
  add_setting(to, "version", "1");
  if (failed_step) {
    add_setting(to, "failed", failed_step);
    add_setting_number(to, "errno", (uint64_t)error);
  }
  frame_finish(to, at);
}

/*
 * ext4 does not give a number to a new file that another had in the last five seconds, and looks through all of them in the
 * group of the disk where it begins, which is that of the directory: for each file that a job makes, all that jobs of the last
 * seconds left. Each directory made in one that is marked so begins in a group of its own. Other file systems do not know the mark.
 */
static void spread(const char *directory) {
  int flags, fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return;
  if (ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0) {
    flags |= FS_TOPDIR_FL;
    ioctl(fd, FS_IOC_SETFLAGS, &flags);
  }
  close(fd);
}

/* The step that failed, with errno; NULL: it is open. */
static const char *open_pool(struct pool *pool) {
  const struct job *job = pool->job;
  umask(022);
  pool->swarmfs = enter_tree(job);
  if (pool->swarmfs < 0) return "namespace";
  if (remover_start(&pool->remover) != 0) return "process";
  if (workshop_open(&pool->workshop, job) != 0) return "tree";
  if (mkdir(job->pool, 0700) != 0 && errno != EEXIST) return "directory";
  spread(job->pool);
  spread(job->scratch);
  pool->listener = listen_in(job->pool);
  return pool->listener < 0 ? "socket" : NULL;
}

int keep_places(const struct job *job) {
  static struct pool pool;
  pool.job = job;
  link_open(&pool.link, 0, 1);
  signal(SIGPIPE, SIG_IGN);
  const char *failed = open_pool(&pool);
  say_ready(&pool, failed);
  if (link_flush(&pool.link) != 0) failed = "peer";
  while (!failed && serve_events(&pool) == 0) continue;
  link_drain(&pool.link, LAST_WORDS_MS);
  if (failed) return 1;
  drop_all(&pool);
  remover_end(&pool.remover);
  remove_tree(job->pool);
  return 0;
}
