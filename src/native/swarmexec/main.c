/*
 * swarmexec: the runner. A peer starts one, which forks for each connection to its socket and runs commands
 * for it, one after the other (docs/PROTOCOL.md, section 2). A runner of its own, because Node can do none of: byte exact argv and
 * environment, signal masks, closed descriptors, being the subreaper of a job, seeing how much of a pipe was read.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "connection.h"
#include "session.h"

enum {
  PEER_END_MS = 1000,  /* from the end of its descriptors to its own, when it was killed */
  LAST_JOBS_MS = 3000, /* for the jobs to end when the peer is gone */
  INHERITED_DESCRIPTORS = 1024,
};

struct runner {
  const char *path;
  char **after_kill; /* a command that puts away what a peer has left that was killed; empty: none */
  pid_t peer;
  int is_stopped; /* the peer has said that it ends us */
  int listener;
  int life
      [2]; /* jobs hold the read end, which hangs up when this process, the only holder of the other, ends */
  struct stat
      swarmrun; /* the wrapper that was built with us, to be known when a job names it by another name */
  int swarmrun_known;
};

static noreturn void fail(const char *what) {
  dprintf(2, "swarmexec: %s: %s\n", what, strerror(errno));
  _exit(1);
}

static int listen_at(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    errno = ENAMETOOLONG;
    fail(path);
  }
  strcpy(address.sun_path, path);
  int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (unlink(path) != 0 && errno != ENOENT) fail(path);
  mode_t before = umask(0177);
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0)
    fail(path);
  umask(before);
  return fd;
}

static void find_swarmrun(struct runner *runner) {
  char path[PATH_MAX + 16];
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
  if (length <= 0) return;
  path[length] = '\0';
  strcpy(strrchr(path, '/') + 1, "swarmrun");
  runner->swarmrun_known = stat(path, &runner->swarmrun) == 0;
}

static noreturn void serve_in_child(const struct runner *runner, struct connection *peer) {
  close(runner->life[1]);
  close(runner->listener);
  session_serve(peer, runner->swarmrun_known ? &runner->swarmrun : NULL);
}

static void accept_job(const struct runner *runner) {
  static struct connection peer; /* too large for a stack that the peer's limits may have made small */
  int accepted = accept4(runner->listener, NULL, NULL, SOCK_CLOEXEC);
  if (accepted < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) poll(NULL, 0, 10); /* until jobs end */
    return;
  }
  peer.fd = accepted;
  peer.life = runner->life[0];
  pid_t pid = fork();
  if (pid == 0) serve_in_child(runner, &peer);
  if (pid < 0) {
    const char text[] = "fork EAGAIN";
    connection_queue(&peer, FRAME_SPAWN_FAILED, text, sizeof text - 1);
    connection_send_some(&peer);
    connection_clear(&peer);
  }
  close(accepted);
}

/*
 * Only the end of stdin ends the runner, not what a terminal or systemd sends to the peer's whole group: the peer
 * may want to finish.
 */
static void handle_signals(void (*handler)(int)) {
  const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTOU};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) signal(numbers[i], handler);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_child(int number) { (void)number; }

static void reap_jobs(void) {
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

/* The peer was killed: what it can no longer put away is put away by a command that it has named. */
static noreturn void clean_up(const struct runner *runner) {
  for (long long until = now_ms() + PEER_END_MS; getppid() == runner->peer && now_ms() < until;)
    poll(NULL, 0, 5);
  int nothing = open("/dev/null", O_RDWR);
  for (int fd = 0; fd < 3; fd++) dup2(nothing, fd);
  if (nothing > 2) close(nothing);
  handle_signals(SIG_DFL);
  signal(SIGCHLD, SIG_DFL);
  execv(*runner->after_kill, runner->after_kill);
  _exit(127);
}

/* The peer is gone: every job sees `life` hang up and ends its tree; we wait for them. */
static noreturn void end_all(const struct runner *runner) {
  close(runner->listener);
  unlink(runner->path);
  close(runner->life[1]);
  for (long long until = now_ms() + LAST_JOBS_MS; now_ms() < until; poll(NULL, 0, 10)) {
    reap_jobs();
    if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) break;
  }
  if (!runner->is_stopped && *runner->after_kill) clean_up(runner);
  _exit(0);
}

/* Closes what the peer let through, which must not reach commands, and makes 0 to 2 open. */
static void clean_descriptors(void) {
  for (int fd = open("/dev/null", O_RDWR); fd <= 2; fd = open("/dev/null", O_RDWR))
    if (fd < 0) fail("/dev/null");
  for (int fd = 3; fd < INHERITED_DESCRIPTORS; fd++) close(fd); /* with the last /dev/null */
}

int main(int argc, char **argv) {
  if (argc < 2) {
    dprintf(2, "Usage: swarmexec SOCKET [PROGRAM ARGUMENT…]\n"
               "Runs commands for a buildswarm peer, which starts it; ends when its stdin ends, and becomes "
               "PROGRAM if nothing was said there before.\n");
    return 2;
  }
  struct runner runner = {.path = argv[1], .after_kill = argv + 2, .peer = getppid()};
  clean_descriptors();
  handle_signals(SIG_IGN);
  signal(SIGCHLD, on_child);
  find_swarmrun(&runner);
  if (pipe2(runner.life, O_CLOEXEC) != 0) fail("pipe");
  runner.listener = listen_at(runner.path);
  if (write(1, "ready\n", 6) != 6) fail("stdout");
  for (;;) {
    struct pollfd polls[] = {{.fd = runner.listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    int ready = poll(polls, 2, -1);
    reap_jobs();
    if (ready < 0) continue;
    char word[64];
    ssize_t said = polls[1].revents ? read(0, word, sizeof word) : -1;
    if (said > 0) runner.is_stopped = 1;
    else if (polls[1].revents) end_all(&runner);
    if (polls[0].revents) accept_job(&runner);
  }
}
