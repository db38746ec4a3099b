#define _GNU_SOURCE
#include "remover.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../tree/remove.h"

struct removal {
  uint32_t id;
  char path[PATH_MAX];
};

struct removed {
  uint32_t id;
  int error;
};

static void serve(int socket) {
  struct removal asked;
  for (;;) {
    ssize_t got = recv(socket, &asked, sizeof asked, 0);
    if (got < 0 && errno == EINTR) continue;
    if (got <= (ssize_t)sizeof asked.id) _exit(0); /* the pool has ended */
    struct removed done = {asked.id, remove_tree(asked.path)};
    if (asked.id) send(socket, &done, sizeof done, MSG_NOSIGNAL);
  }
}

int remover_start(struct remover *remover) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return -1;
  remover->socket = ends[0];
  remover->pid = fork();
  if (remover->pid == 0) {
    prctl(PR_SET_NAME, "swarmjob-remove");
    close(ends[0]);
    for (int fd = 0; fd < 2; fd++) close(fd); /* the peer's pipes end with the pool */
    serve(ends[1]);
  }
  close(ends[1]);
  return remover->pid < 0 ? -1 : 0;
}

void remover_ask(struct remover *remover, uint32_t id, const char *path) {
  struct bytes *asked = &remover->asked;
  size_t length = strlen(path) + 1;
  uint16_t bytes = (uint16_t)(sizeof id + length);
  bytes_add(asked, &bytes, sizeof bytes);
  bytes_add(asked, &id, sizeof id);
  bytes_add(asked, path, length);
  remover_go_on(remover);
}

static int waits(const struct remover *remover) { return remover->sent < remover->asked.length; }

short remover_events(const struct remover *remover) { return waits(remover) ? POLLIN | POLLOUT : POLLIN; }

int remover_go_on(struct remover *remover) {
  struct bytes *asked = &remover->asked;
  if (asked->failed) return -1;
  while (waits(remover)) {
    const unsigned char *at = asked->data + remover->sent;
    uint16_t bytes;
    memcpy(&bytes, at, sizeof bytes);
    /* It may be busy for long, and its answers may be as many: who waited here would not read them. */
    if (send(remover->socket, at + sizeof bytes, bytes, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
      return errno == EAGAIN || errno == EINTR ? 0 : -1;
    remover->sent += sizeof bytes + bytes;
  }
  asked->length = remover->sent = 0;
  return 0;
}

int remover_answer(const struct remover *remover, uint32_t *id, int *error) {
  struct removed done;
  ssize_t got = recv(remover->socket, &done, sizeof done, MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR ? 0 : -1;
  if (got != (ssize_t)sizeof done) return -1;
  *id = done.id;
  *error = done.error;
  return 1;
}

void remover_end(const struct remover *remover) {
  kill(remover->pid, SIGKILL);
  while (waitpid(remover->pid, NULL, 0) < 0 && errno == EINTR) continue;
}
