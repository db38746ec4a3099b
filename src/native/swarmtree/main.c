/*
 * swarmtree: shows this machine's files to workers, for the peer that started it (docs/TREE-PROTOCOL.md). It speaks
 * frames on stdin and stdout, reads and never writes, sees by inotify what changes, and ends with its stdin.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "server.h"

enum {
  MOST_UNSENT_BYTES = 8 * 1024 * 1024, /* a peer that does not read is not read from either */
  LAST_WORDS_MS = 1000,
  INDEX_RECORDS = 1000 * 1000,
  DRAIN_AGAIN_MS = 10,
  QUICK_LOOKS_BYTES = 4096,
};

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static long frame_limit(int type) {
  switch (type) {
    case FRAME_TREE_START: return TREE_START_BYTES;
    case FRAME_TREE_LIST:
    case FRAME_TREE_LOOK:
    case FRAME_TREE_READ:
    case FRAME_TREE_NOTE:
    case FRAME_TREE_FORGET: return TREE_REQUEST_BYTES;
    case FRAME_TREE_COMPARE: return TREE_COMPARE_BYTES;
    case FRAME_TREE_LOOKS: return TREE_LOOKS_BYTES;
    case FRAME_TREE_BARRIER:
    case FRAME_TREE_STATUS: return 4;
    default: return -1;
  }
}

static int start(struct server *server, const struct frame *frame) {
  struct settings *settings = &server->settings;
  if (settings->text || settings_read(settings, frame) != 0 || policy_read(&server->policy, settings) != 0)
    return -1;
  server->hash_below_bytes = setting_number(settings, "hashBelowBytes", 0);
  server->most_watched = setting_number(settings, "mostWatched", 0);
  server->changes_only = setting_number(settings, "changesOnly", 0) != 0;
  hash_index_open(&server->index, setting(settings, "index", ""), INDEX_RECORDS);
  server->content = malloc(TREE_WHOLE_BYTES);
  if (!server->content || watcher_open(&server->watcher) != 0) return -1;
  server->reacher = (struct reacher){.watcher = &server->watcher, .policy = &server->policy};
  struct bytes *to = &server->link.outgoing;
  size_t at = frame_start(to, FRAME_TREE_READY);
  add_setting(to, "version", "1");
  add_setting_number(to, "generation", server->watcher.generation);
  frame_finish(to, at);
  return 0;
}

static int serve_forget(struct server *server, const struct frame *frame) {
  struct cursor from = cursor_of(frame);
  char path[PATH_MAX];
  take_path(&from, path);
  if (from.failed) return -1;
  struct place *place = place_find(&server->watcher.places, path);
  if (place) watcher_forget(&server->watcher, place);
  return 0;
}

static uint64_t cpu_us(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000u +
         (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int serve_status(struct server *server, const struct frame *frame) {
  if (frame->length != 4) return -1;
  struct bytes *to = &server->link.outgoing;
  const struct {
    const char *key;
    uint64_t value;
  } figures[] = {
      {"lists", server->figures.lists},
      {"looks", server->figures.looks},
      {"reads", server->figures.reads},
      {"barriers", server->figures.barriers},
      {"hashedBytes", server->figures.hashed_bytes},
      {"readBytes", server->figures.read_bytes},
      {"places", server->watcher.places.count},
      {"unwatched", server->watcher.places.unwatched},
      {"watchLimits", server->watcher.limits},
      {"events", server->watcher.events},
      {"overflows", server->watcher.overflows},
      {"generation", server->watcher.generation},
      {"cpuUs", cpu_us()},
  };
  size_t at = frame_start(to, FRAME_TREE_FIGURES);
  bytes_add(to, frame->payload, 4);
  for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
    add_setting_number(to, figures[i].key, figures[i].value);
  frame_finish(to, at);
  return 0;
}

static int take_frame(struct server *server, const struct frame *frame) {
  if (!server->content) return frame->type == FRAME_TREE_START ? start(server, frame) : -1;
  /* What an answer says was looked up after the drain, so that no change before it is reported as a later one only. */
  watcher_drain(&server->watcher);
  switch (frame->type) {
    case FRAME_TREE_LIST: return serve_list(server, frame);
    case FRAME_TREE_LOOK: return serve_look(server, frame);
    case FRAME_TREE_READ: return serve_read(server, frame);
    case FRAME_TREE_BARRIER: return serve_barrier(server, frame);
    case FRAME_TREE_COMPARE: return serve_compare(server, frame);
    case FRAME_TREE_LOOKS: return serve_looks(server, frame);
    case FRAME_TREE_NOTE: return serve_note(server, frame);
    case FRAME_TREE_FORGET: return serve_forget(server, frame);
    case FRAME_TREE_STATUS: return serve_status(server, frame);
    default: return -1;
  }
}

/* What is ready waits for nothing that may take long; these are asked for behind what goes with them, to be read as one. */
static int is_quick(const struct frame *frame) {
  return frame->type == FRAME_TREE_BARRIER ||
         (frame->type == FRAME_TREE_LOOKS && frame->length <= QUICK_LOOKS_BYTES);
}

/* Serves what was received, as far as the peer reads the answers; -1 when the connection must end. */
static int take_frames(struct server *server) {
  struct frame frame;
  int found = 0;
  while (link_unsent(&server->link) < MOST_UNSENT_BYTES &&
         (found = link_next(&server->link, frame_limit, &frame)) > 0) {
    if (!is_quick(&frame) && link_flush(&server->link) != 0) return -1;
    if (take_frame(server, &frame) != 0) return -1;
  }
  if (link_flush(&server->link) != 0) return -1;
  hash_index_flush(&server->index);
  return found < 0 ? -1 : 0;
}

/* While nobody asks, events are taken in now and then, and not one by one: enough that the queue never fills. */
static int is_time_to_drain(const struct server *server) {
  return now_ms() >= server->drained_ms + DRAIN_AGAIN_MS;
}

static int serve_events(struct server *server) {
  int full = link_unsent(&server->link) >= MOST_UNSENT_BYTES;
  int started = server->content != NULL, drain = started && is_time_to_drain(server);
  struct pollfd polls[] = {
      {.fd = full ? -1 : server->link.in, .events = POLLIN},
      {.fd = link_unsent(&server->link) ? server->link.out : -1, .events = POLLOUT},
      {.fd = drain ? server->watcher.inotify : -1, .events = POLLIN},
      {.fd = drain ? server->watcher.mounts.fd : -1, .events = POLLPRI},
  };
  int ready = poll(polls, sizeof polls / sizeof *polls, started && !drain ? DRAIN_AGAIN_MS : -1);
  if (ready < 0) return errno == EINTR ? 0 : -1;
  if (polls[2].revents || mounts_polled(&server->watcher.mounts, polls[3].revents)) {
    watcher_drain(&server->watcher);
    server->drained_ms = now_ms();
  }
  if (polls[1].revents && link_flush(&server->link) != 0) return -1;
  if (polls[0].revents && link_receive(&server->link) < 0) return -1;
  return take_frames(server);
}

int main(int argc, char **argv) {
  (void)argv;
  if (argc != 1) {
    dprintf(2, "Usage: swarmtree\nShows files to workers for a buildswarm peer, which starts it; speaks on "
               "stdin and stdout.\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);    /* what may not grow on is as on a full disk */
  static struct server server; /* found by whoever looks for leaks at the end */
  link_open(&server.link, 0, 1);
  while (serve_events(&server) == 0) continue;
  link_drain(&server.link, LAST_WORDS_MS);
  return 0;
}
