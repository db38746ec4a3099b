#define _GNU_SOURCE
#include "remover.h"

#include <errno.h>
#include <limits.h>
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

void remover_ask(const struct remover *remover, uint32_t id, const char *path) {
  struct removal asked = {.id = id};
  size_t length = strlen(path) + 1;
  memcpy(asked.path, path, length);
  send(remover->socket, &asked, sizeof asked.id + length, MSG_NOSIGNAL);
}

int remover_answer(const struct remover *remover, uint32_t *id, int *error) {
  struct removed done;
  if (recv(remover->socket, &done, sizeof done, MSG_DONTWAIT) != (ssize_t)sizeof done) return 0;
  *id = done.id;
  *error = done.error;
  return 1;
}

void remover_end(const struct remover *remover) {
  kill(remover->pid, SIGKILL);
  while (waitpid(remover->pid, NULL, 0) < 0 && errno == EINTR) continue;
}
