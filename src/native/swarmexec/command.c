#define _GNU_SOURCE
#include "command.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../limits.h"
#include "../program.h"
#include "apart.h"
#include "resources.h"

enum stage { STAGE_CHDIR, STAGE_EXEC, STAGE_APART, STAGE_LIMIT };
struct failure {
  enum stage stage;
  int error;
  int limit; /* in limit_names */
};
static const char *const stage_names[] = {"chdir", "exec", "apart"};

static const char *stage_name(const struct failure *failure) {
  return failure->stage == STAGE_LIMIT ? limit_names[failure->limit].name : stage_names[failure->stage];
}

static void set_signals(uint64_t blocked, uint64_t ignored) {
  for (int number = 1; number <= 64; number++)
    signal(number, ignored >> (number - 1) & 1 ? SIG_IGN : SIG_DFL);
  sigset_t mask;
  sigemptyset(&mask);
  for (int number = 1; number <= 64; number++)
    if (blocked >> (number - 1) & 1) sigaddset(&mask, number);
  sigprocmask(SIG_SETMASK, &mask, NULL);
}

/* A directory in `at`, moved one component of `path` on; `at` is closed. */
static int open_next(int at, const char **path) {
  enum { PLACE = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC };
  char name[NAME_MAX + 1];
  size_t length = strcspn(*path, "/");
  int next = -1;
  if (length > NAME_MAX) {
    errno = ENAMETOOLONG;
  } else {
    memcpy(name, *path, length);
    name[length] = '\0';
    next = openat(at, name, PLACE);
  }
  int error = errno;
  close(at);
  errno = error;
  *path += length + strspn(*path + length, "/");
  return next;
}

/*
 * Goes to the directory, 0 or an errno. Whoever may write in the share could put a link in the place of a directory
 * after the peer has looked at it: so it is reached from the root of the share, by its components, and none is a link.
 */
static int enter_directory(const char *cwd, const char *root) {
  if (!*root) return chdir(cwd) == 0 ? 0 : errno;
  size_t length = strcmp(root, "/") == 0 ? 0 : strlen(root);
  if (strncmp(cwd, root, length) != 0 || (cwd[length] && cwd[length] != '/')) return EPERM;
  const char *rest = cwd + length + strspn(cwd + length, "/");
  int at = open(root, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  while (at >= 0 && *rest) {
    if (strncmp(rest, "..", 2) == 0 && (!rest[2] || rest[2] == '/')) return EPERM;
    at = open_next(at, &rest);
  }
  return at >= 0 && fchdir(at) == 0 ? 0 : errno;
}

/* Becomes the command; comes back with what failed. */
static struct failure become_command(const struct request *request, const struct streams *streams,
                                     const struct stat *swarmrun) {
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the job's own process here be killed */
  setsid();
  umask(request->umask);
  if (request->nice && nice(request->nice) == -1) errno = 0; /* -1 may be the niceness, too */
  int error = *request->apart ? places_apart(request->apart, request->kept) : 0;
  if (error) return (struct failure){STAGE_APART, error, 0};
  error = enter_directory(request->cwd, request->root);
  if (error) return (struct failure){STAGE_CHDIR, error, 0};
  streams_become_stdio(streams, request->stdio);
  /* What comes before a relay can take it waits there; it is told in its own words what the command is to block. */
  set_signals(request->relays ? UINT64_MAX : request->blocked, request->ignored);
  int limit =
      resources_limit(request->limits); /* last: they may leave no descriptor to open, nor a byte to take */
  if (limit >= 0) return (struct failure){STAGE_LIMIT, EPERM, limit};
  return (struct failure){STAGE_EXEC, exec_program(request->argv, request->envp, swarmrun), 0};
}

/*
 * Waits for the exec to succeed, which closes `report`, or to fail. A directory on a dead server may take for
 * ever. 0, or why it cannot have places of its own here: it has ended, and may be started without.
 */
static int wait_for_exec(int report, pid_t command, struct connection *peer) {
  struct pollfd polls[] = {
      {.fd = report, .events = POLLIN}, {.fd = peer->fd, .events = POLLRDHUP}, {.fd = peer->life}};
  while (poll(polls, 3, -1) < 0) continue;
  struct failure failure;
  if (polls[0].revents == 0) kill(command, SIGKILL); /* cancelled already; what follows sees that too */
  else if (read(report, &failure, sizeof failure) == (ssize_t)sizeof failure) {
    if (failure.stage != STAGE_APART) connection_spawn_failed(peer, stage_name(&failure), failure.error);
    close(report);
    while (waitpid(command, NULL, 0) < 0 && errno == EINTR) continue;
    return failure.error;
  }
  close(report);
  return 0;
}

/* Forks, and becomes the command in the child; what wait_for_exec tells. */
static int start(const struct request *request, const struct streams *streams, struct connection *peer,
                 const struct stat *swarmrun, pid_t *command) {
  int report[2];
  if (pipe2(report, O_CLOEXEC) != 0) connection_spawn_failed(peer, "pipe", errno);
  *command = fork();
  if (*command < 0) connection_spawn_failed(peer, "fork", errno);
  if (*command == 0) {
    struct failure failure = become_command(request, streams, swarmrun);
    signal(SIGPIPE, SIG_IGN);
    _exit(write(report[1], &failure, sizeof failure) < 0 ? 126 : 127);
  }
  close(report[1]);
  return wait_for_exec(report[0], *command, peer);
}

pid_t command_start(const struct request *request, struct streams *streams, struct connection *peer,
                    const struct stat *swarmrun) {
  pid_t command;
  streams_make(streams, request, peer);
  int not_apart = start(request, streams, peer, swarmrun, &command);
  if (not_apart) {
    struct request plain = *request;
    plain.apart = "";
    start(&plain, streams, peer, swarmrun, &command);
  }
  streams_close_command_ends(streams);
  unsigned char payload[8];
  put_u32(payload, (uint32_t)command);
  put_u32(payload + 4, (uint32_t)not_apart);
  connection_queue(peer, FRAME_STARTED, payload, sizeof payload);
  unsigned char none[8] = {0};
  if (streams->input.fd >= 0) connection_queue(peer, FRAME_STDIN_TAKEN, none, sizeof none);
  return command;
}
