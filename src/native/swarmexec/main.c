/*
 * swarmexec: the runner. A peer starts one, which forks for each connection to its socket and runs one command
 * for it (docs/PROTOCOL.md, section 2). A runner of its own, because Node can do none of: byte exact argv and
 * environment, signal masks, closed descriptors, being the subreaper of a job, seeing how much of a pipe was read.
 *
 * Each job has its own process here, the subreaper of everything that the command starts. A job is over
 * only when no process of it is left: then nothing writes into the tree any more.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "../frame.h"
#include "../program.h"

enum {
  REQUEST_DEADLINE_MS = 10000, /* for ARGV, ENV and JOB to be whole */
  TERM_TO_KILL_MS = 250,
  KILL_AGAIN_MS = 20,       /* a tree that forks while it is killed is walked again; */
  KILL_LATEST_MS = 500,     /* seldom at last: what waits for a dead file server takes its time */
  LAST_OUTPUT_MS = 100,     /* for output to come when no process of the job is left */
  LOOK_SOONEST_MS = 1,      /* how often to look whether the command read its stdin */
  LOOK_LATEST_MS = 64,
  CONTROL_ROOM_BYTES = 256, /* in the output buffer, beside one frame of data */
  EXIT_BYTES = 20,
  PART_MS = 1000,           /* for the peer to close after the last frame */
  LAST_JOBS_MS = 3000,      /* for the jobs to end when the peer is gone */
  INHERITED_DESCRIPTORS = 1024,
};

enum stdio { CLOSED, NULL_DEVICE, PIPE, PTY };

static struct {
  char **argv, **envp;
  const char *cwd;
  mode_t umask;
  int nice;
  enum stdio stdio[3];
  int merged;
  uint64_t blocked, ignored;
  struct winsize size;
} job = {.cwd = "", .umask = 022, .stdio = {NULL_DEVICE, PIPE, PIPE}};

static struct stat swarmrun_file; /* the wrapper beside us: what a masquerade link leads to */
static int swarmrun_known;
static int life = -1; /* a pipe that hangs up when the runner ends */

static long long now_ms(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* ---- The connection of one job ---- */

static int connection = -1;
static struct frame_reader reader;

/* Frames on their way out: one of data at most, and a few small ones. */
static struct {
  unsigned char data[FRAME_HEADER_BYTES + FRAME_DATA_BYTES + CONTROL_ROOM_BYTES];
  size_t start, end;
} outgoing;

static int is_sent(void) { return outgoing.start == outgoing.end; }

/* Sends what the peer takes now; -1 if it is gone. */
static int send_some(void) {
  while (!is_sent()) {
    ssize_t done = send(connection, outgoing.data + outgoing.start, outgoing.end - outgoing.start, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno == EAGAIN ? 0 : -1;
    outgoing.start += (size_t)done;
  }
  outgoing.start = outgoing.end = 0;
  return 0;
}

/* Sends all, waiting for the peer; gives up when it is gone. */
static void send_rest(void) {
  struct pollfd polls[] = {{.fd = connection, .events = POLLOUT}, {.fd = life}};
  while (send_some() == 0 && !is_sent())
    if (poll(polls, 2, -1) > 0 && polls[1].revents) return;
}

/* After the last frame: a close over input that was not read would be an error at the peer's end. */
static noreturn void part(void) {
  send_rest();
  shutdown(connection, SHUT_WR);
  struct pollfd polls[] = {{.fd = connection, .events = POLLIN}, {.fd = life}};
  unsigned char rest[4096];
  for (long long until = now_ms() + PART_MS, left; (left = until - now_ms()) > 0;) {
    if (poll(polls, 2, (int)left) <= 0 || polls[1].revents) break;
    if (recv(connection, rest, sizeof rest, MSG_DONTWAIT) <= 0) break;
  }
  _exit(0);
}

static void queue_frame(int type, const void *payload, size_t length) {
  if (outgoing.end + FRAME_HEADER_BYTES + length > sizeof outgoing.data) return; /* callers keep room */
  put_header(outgoing.data + outgoing.end, length, type);
  if (length) memcpy(outgoing.data + outgoing.end + FRAME_HEADER_BYTES, payload, length);
  outgoing.end += FRAME_HEADER_BYTES + length;
}

static const char *errno_name(int error, char *room, size_t size) {
  static const struct {
    int error;
    const char *name;
  } names[] = {{ENOENT, "ENOENT"},   {EACCES, "EACCES"},   {ENOTDIR, "ENOTDIR"}, {ELOOP, "ELOOP"},
               {ENOMEM, "ENOMEM"},   {E2BIG, "E2BIG"},     {ENOEXEC, "ENOEXEC"}, {ETXTBSY, "ETXTBSY"},
               {EIO, "EIO"},         {EMFILE, "EMFILE"},   {ENFILE, "ENFILE"},   {EAGAIN, "EAGAIN"},
               {EPERM, "EPERM"},     {ESTALE, "ESTALE"},   {ENODEV, "ENODEV"},   {EINVAL, "EINVAL"},
               {EISDIR, "EISDIR"},   {ENOSPC, "ENOSPC"},   {ENXIO, "ENXIO"},     {ETIMEDOUT, "ETIMEDOUT"},
               {ELIBBAD, "ELIBBAD"}, {ENAMETOOLONG, "ENAMETOOLONG"}};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (names[i].error == error) return names[i].name;
  snprintf(room, size, "E%d", error);
  return room;
}

static noreturn void spawn_failed(const char *stage, int error) {
  char text[64], name[16];
  int length = snprintf(text, sizeof text, "%s %s", stage, errno_name(error, name, sizeof name));
  queue_frame(FRAME_SPAWN_FAILED, text, (size_t)length);
  part();
}

/* ---- What to run ---- */

static long request_limit(int type) {
  if (type == FRAME_ARGV || type == FRAME_ENV) return FRAME_LIST_BYTES;
  return type == FRAME_JOB ? FRAME_DATA_BYTES : -1;
}

/* Waits for a frame of `type`; a peer that sends another, or none in time, gets no answer. */
static unsigned char *read_request(int type, size_t *length, long long deadline) {
  struct frame frame;
  int found;
  while ((found = frame_next(&reader, request_limit, &frame)) == 0) {
    struct pollfd polls[] = {{.fd = connection, .events = POLLIN}, {.fd = life}};
    long long left = deadline - now_ms();
    if (left <= 0 || poll(polls, 2, (int)left) <= 0 || polls[1].revents) _exit(1);
    ssize_t got = frame_receive(&reader, connection);
    if (got == 0 || (got < 0 && errno != EAGAIN)) _exit(1);
  }
  if (found < 0 || frame.type != type) _exit(1);
  if (frame.length > 0 && frame.payload[frame.length - 1] != 0) _exit(1);
  unsigned char *copy = malloc(frame.length + 1);
  if (!copy) spawn_failed("fork", ENOMEM);
  memcpy(copy, frame.payload, frame.length);
  *length = frame.length;
  return copy;
}

/* The strings of a payload, each ended by a NUL, as exec takes them. */
static char **to_list(unsigned char *payload, size_t length) {
  size_t count = 0;
  for (size_t i = 0; i < length; i++) count += payload[i] == 0;
  char **list = calloc(count + 1, sizeof *list);
  if (!list) spawn_failed("fork", ENOMEM);
  char *at = (char *)payload;
  for (size_t i = 0; i < count; i++, at += strlen(at) + 1) list[i] = at;
  return list;
}

static enum stdio to_stdio(const char *value) {
  static const char *const names[] = {"closed", "null", "pipe", "pty"};
  for (int i = 0; i < 4; i++)
    if (strcmp(value, names[i]) == 0) return (enum stdio)i;
  _exit(1); /* a peer of another version; it gets no answer */
}

static void set_key(const char *key, size_t length, const char *value) {
#define IS(name) (length == sizeof name - 1 && memcmp(key, name, sizeof name - 1) == 0)
  if (IS("cwd")) job.cwd = value;
  else if (IS("umask")) job.umask = (mode_t)strtoul(value, NULL, 8) & 0777;
  else if (IS("nice")) job.nice = atoi(value);
  else if (IS("stdin")) job.stdio[0] = to_stdio(value);
  else if (IS("stdout")) job.stdio[1] = to_stdio(value);
  else if (IS("stderr")) job.stdio[2] = to_stdio(value);
  else if (IS("merged")) job.merged = strcmp(value, "1") == 0;
  else if (IS("blocked")) job.blocked = strtoull(value, NULL, 16);
  else if (IS("ignored")) job.ignored = strtoull(value, NULL, 16);
  else if (IS("rows")) job.size.ws_row = (unsigned short)atoi(value);
  else if (IS("columns")) job.size.ws_col = (unsigned short)atoi(value);
#undef IS
}

static void read_job(void) {
  long long deadline = now_ms() + REQUEST_DEADLINE_MS;
  size_t length;
  unsigned char *payload = read_request(FRAME_ARGV, &length, deadline);
  job.argv = to_list(payload, length);
  payload = read_request(FRAME_ENV, &length, deadline);
  job.envp = to_list(payload, length);
  payload = read_request(FRAME_JOB, &length, deadline);
  char **pairs = to_list(payload, length);
  for (char **pair = pairs; *pair; pair++) {
    char *equals = strchr(*pair, '=');
    if (equals) set_key(*pair, (size_t)(equals - *pair), equals + 1);
  }
  free(pairs);
  if (!job.argv[0]) spawn_failed("exec", ENOENT);
  if (job.stdio[0] == PTY) job.stdio[0] = NULL_DEVICE;
}

/* ---- The command's descriptors ---- */

struct stream {
  int fd; /* our end, -1 when ended */
  int type;
};
static struct stream streams[2] = {{-1, FRAME_STDOUT}, {-1, FRAME_STDERR}};

static struct {
  int fd;                                 /* the end we write to; -1 when closed */
  int look;                               /* a read end, only to ask how much is unread */
  unsigned char held[STDIN_WINDOW_BYTES]; /* came from the peer, did not fit into the pipe */
  size_t held_bytes;
  int ended;
  uint64_t written, reported;
  int interval_ms;
} input = {.fd = -1, .look = -1};

static int child_ends[3] = {-1, -1, -1};

/* Ours is non-blocking; pipes have a file description for each end, so the command's stays blocking. */
static void make_pipe(int *ours, int *theirs, int we_write) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) spawn_failed("pipe", errno);
  *ours = ends[we_write];
  *theirs = ends[!we_write];
  fcntl(*ours, F_SETFL, O_NONBLOCK | (we_write ? O_WRONLY : O_RDONLY));
}

/* A raw terminal for output: gcc and others colour what they print for it, and not a byte is changed. */
static void make_pty(int *ours, int *theirs) {
  int unlock = 0;
  *ours = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  if (*ours < 0 || ioctl(*ours, TIOCSPTLCK, &unlock) != 0) spawn_failed("pipe", errno);
  *theirs = ioctl(*ours, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
  struct termios mode;
  if (*theirs < 0 || tcgetattr(*theirs, &mode) != 0) spawn_failed("pipe", errno);
  cfmakeraw(&mode);
  tcsetattr(*theirs, TCSANOW, &mode);
  if (job.size.ws_row) ioctl(*theirs, TIOCSWINSZ, &job.size);
}

static void make_stdio(void) {
  if (job.stdio[0] == PIPE) {
    make_pipe(&input.fd, &child_ends[0], 1);
    input.look = fcntl(child_ends[0], F_DUPFD_CLOEXEC, 3);
  }
  int both = job.merged || (job.stdio[1] == PTY && job.stdio[2] == PTY);
  for (int i = 1; i < 3; i++) {
    if (i == 2 && both && job.stdio[1] == job.stdio[2]) child_ends[2] = child_ends[1];
    else if (job.stdio[i] == PIPE) make_pipe(&streams[i - 1].fd, &child_ends[i], 0);
    else if (job.stdio[i] == PTY) make_pty(&streams[i - 1].fd, &child_ends[i]);
  }
}

static void close_child_ends(void) {
  for (int i = 0; i < 3; i++)
    if (child_ends[i] >= 0 && !(i == 2 && child_ends[2] == child_ends[1])) close(child_ends[i]);
}

/* ---- The command ---- */

enum { STAGE_CHDIR, STAGE_EXEC };
struct failure {
  int stage, error;
};
static const char *const stage_names[] = {"chdir", "exec"};

static void set_signals(void) {
  for (int number = 1; number <= 64; number++)
    signal(number, job.ignored >> (number - 1) & 1 ? SIG_IGN : SIG_DFL);
  sigset_t mask;
  sigemptyset(&mask);
  for (int number = 1; number <= 64; number++)
    if (job.blocked >> (number - 1) & 1) sigaddset(&mask, number);
  sigprocmask(SIG_SETMASK, &mask, NULL);
}

static void set_stdio(void) {
  for (int fd = 0; fd < 3; fd++) {
    if (child_ends[fd] >= 0) {
      dup2(child_ends[fd], fd); /* the copy is not close-on-exec */
      continue;
    }
    close(fd); /* so that open gives this number: those below are open, or closed for the command */
    if (job.stdio[fd] != NULL_DEVICE) continue;
    int null = open("/dev/null", fd == 0 ? O_RDONLY : O_WRONLY);
    if (null >= 0 && null != fd) {
      dup2(null, fd);
      close(null);
    }
  }
}

static noreturn void be_command(int report) {
  struct failure failure = {.stage = STAGE_CHDIR};
  prctl(PR_SET_PDEATHSIG, SIGKILL); /* should the job's own process here be killed */
  setsid();
  umask(job.umask);
  if (job.nice && nice(job.nice) == -1) errno = 0; /* -1 may be the niceness, too */
  if (chdir(job.cwd) != 0) {
    failure.error = errno;
  } else {
    set_stdio();
    set_signals();
    failure.stage = STAGE_EXEC;
    failure.error = exec_program(job.argv, job.envp, swarmrun_known ? &swarmrun_file : NULL);
  }
  signal(SIGPIPE, SIG_IGN);
  if (write(report, &failure, sizeof failure) < 0) _exit(126);
  _exit(127);
}

/* Waits for the exec to succeed, which closes `report`, or to fail. A directory on a dead server may take for ever. */
static void wait_for_exec(int report, pid_t command) {
  struct pollfd polls[] = {{.fd = report, .events = POLLIN}, {.fd = connection, .events = POLLRDHUP}, {.fd = life}};
  while (poll(polls, 3, -1) < 0) continue;
  struct failure failure;
  if (polls[0].revents == 0) kill(command, SIGKILL); /* cancelled already; what follows sees that too */
  else if (read(report, &failure, sizeof failure) == (ssize_t)sizeof failure)
    spawn_failed(stage_names[failure.stage], failure.error);
  close(report);
}

static pid_t start_command(void) {
  int report[2];
  make_stdio();
  if (pipe2(report, O_CLOEXEC) != 0) spawn_failed("pipe", errno);
  pid_t command = fork();
  if (command < 0) spawn_failed("fork", errno);
  if (command == 0) be_command(report[1]);
  close(report[1]);
  close_child_ends();
  wait_for_exec(report[0], command);
  unsigned char payload[4];
  put_u32(payload, (uint32_t)command);
  queue_frame(FRAME_STARTED, payload, sizeof payload);
  unsigned char none[8] = {0};
  if (input.fd >= 0) queue_frame(FRAME_STDIN_TAKEN, none, sizeof none);
  return command;
}

/* ---- The tree of processes ---- */

struct tree {
  pid_t *pids;
  size_t count, room;
};

static void tree_add(struct tree *tree, pid_t pid) {
  if (tree->count == tree->room) {
    size_t room = tree->room ? tree->room * 2 : 64;
    pid_t *grown = realloc(tree->pids, room * sizeof *grown);
    if (!grown) return;
    tree->pids = grown;
    tree->room = room;
  }
  tree->pids[tree->count++] = pid;
}

static void add_children_of_thread(struct tree *tree, const char *process, const char *thread) {
  char path[80];
  snprintf(path, sizeof path, "/proc/%.20s/task/%.20s/children", process, thread);
  FILE *list = fopen(path, "re");
  if (!list) return; /* ended meanwhile */
  for (int pid; fscanf(list, "%d", &pid) == 1;) tree_add(tree, pid);
  fclose(list);
}

static void add_children(struct tree *tree, const char *process) {
  char path[40];
  snprintf(path, sizeof path, "/proc/%.20s/task", process);
  DIR *threads = opendir(path);
  if (!threads) return;
  for (struct dirent *entry; (entry = readdir(threads));)
    if (entry->d_name[0] != '.') add_children_of_thread(tree, process, entry->d_name);
  closedir(threads);
}

/* All descendants of this process: setsid and double forks hide none, as we are their subreaper. */
static struct tree find_tree(void) {
  struct tree tree = {0};
  add_children(&tree, "self");
  for (size_t i = 0; i < tree.count; i++) {
    char process[20];
    snprintf(process, sizeof process, "%d", (int)tree.pids[i]);
    add_children(&tree, process);
  }
  return tree;
}

static size_t signal_tree(int number) {
  struct tree tree = find_tree();
  for (size_t i = 0; i < tree.count; i++) {
    kill(tree.pids[i], number);
    if (number == SIGTERM) kill(tree.pids[i], SIGCONT); /* a stopped one would not see it */
  }
  size_t count = tree.count;
  free(tree.pids);
  return count;
}

/* ---- One job ---- */

static struct {
  pid_t command;
  int children;       /* signalfd of SIGCHLD */
  int status, exited; /* of the command */
  int cancelled;
  int gone; /* no process is left */
  size_t left;
  long long kill_at; /* 0: not ending yet */
  int kill_again_ms;
} run = {.kill_again_ms = KILL_AGAIN_MS};

static void end_tree(void) {
  if (run.kill_at || run.gone) return;
  size_t count = signal_tree(SIGTERM);
  if (run.exited) run.left = count;
  run.kill_at = now_ms() + TERM_TO_KILL_MS;
}

static void kill_tree_when_due(void) {
  if (!run.kill_at || run.gone || now_ms() < run.kill_at) return;
  /* Without CONFIG_PROC_CHILDREN the walk finds none, and the group is all that can be named. */
  if (signal_tree(SIGKILL) == 0 && !run.exited) kill(-run.command, SIGKILL);
  run.kill_at = now_ms() + run.kill_again_ms;
  run.kill_again_ms = run.kill_again_ms * 2 < KILL_LATEST_MS ? run.kill_again_ms * 2 : KILL_LATEST_MS;
}

static void close_stream(struct stream *stream) {
  if (stream->fd >= 0) close(stream->fd);
  stream->fd = -1;
}

static void close_input(void) {
  if (input.fd >= 0) close(input.fd);
  input.fd = -1;
  input.held_bytes = 0;
}

/* The peer wants no more of this job. If it only closed its own half, it is still told how it ended. */
static void cancel(void) {
  run.cancelled = 1;
  close_input();
  for (int i = 0; i < 2; i++) close_stream(&streams[i]);
  end_tree();
}

static void reap(void) {
  struct signalfd_siginfo info;
  while (read(run.children, &info, sizeof info) > 0) continue;
  int status;
  pid_t pid;
  while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
    if (pid != run.command) continue;
    run.exited = 1;
    run.status = status;
  }
  if (pid < 0 && errno == ECHILD) run.gone = 1;
  if (run.exited) end_tree();
}

/* Sends what can be sent; a peer that is gone altogether is owed nothing more. */
static void send_or_cancel(void) {
  if (send_some() == 0) return;
  outgoing.start = outgoing.end = 0;
  cancel();
}

static uint64_t taken(void) {
  int unread = 0;
  if (input.look < 0 || ioctl(input.look, FIONREAD, &unread) != 0) return input.written;
  return input.written - (uint64_t)unread;
}

/* Tells the peer what was read from stdin since the last time. */
static void report_taken(void) {
  if (input.look < 0 || outgoing.end + 64 > sizeof outgoing.data) return;
  uint64_t now = taken();
  if (now == input.reported) {
    input.interval_ms = input.interval_ms * 2 < LOOK_LATEST_MS ? input.interval_ms * 2 : LOOK_LATEST_MS;
    return;
  }
  unsigned char payload[8];
  put_u64(payload, now);
  queue_frame(FRAME_STDIN_TAKEN, payload, sizeof payload);
  input.reported = now;
  input.interval_ms = LOOK_SOONEST_MS;
}

static void write_input(void) {
  while (input.fd >= 0 && input.held_bytes > 0) {
    ssize_t done = write(input.fd, input.held, input.held_bytes);
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN) return;
    if (done < 0) return close_input();
    input.written += (uint64_t)done;
    input.held_bytes -= (size_t)done;
    memmove(input.held, input.held + done, input.held_bytes);
    input.interval_ms = LOOK_SOONEST_MS;
  }
  if (input.ended) close_input();
}

static long run_limit(int type) {
  if (type == FRAME_STDIN) return FRAME_DATA_BYTES;
  return type == FRAME_STDIN_END ? 0 : type == FRAME_SIGNAL ? 1 : -1;
}

/* 0, or -1 if the peer broke the protocol. */
static int take_frame(const struct frame *frame) {
  if (frame->type == FRAME_STDIN_END) input.ended = 1;
  if (frame->type == FRAME_STDIN) {
    if (input.ended || frame->length > sizeof input.held - input.held_bytes) return -1;
    if (input.fd < 0) return 0; /* the command has closed it, or ended */
    memcpy(input.held + input.held_bytes, frame->payload, frame->length);
    input.held_bytes += frame->length;
  }
  if (frame->type == FRAME_SIGNAL) {
    if (frame->length != 1) return -1;
    /* A group without a parent in its session ignores TSTP by the rules of POSIX, so it is stopped outright. */
    int number = frame->payload[0], to_one = number == SIGUSR1 || number == SIGUSR2; /* no terminal sends these to a group */
    if (!run.exited) kill(to_one ? run.command : -run.command, number == SIGTSTP ? SIGSTOP : number);
    return 0;
  }
  write_input();
  return 0;
}

static void take_frames(void) {
  struct frame frame;
  int found;
  while ((found = frame_next(&reader, run_limit, &frame)) > 0)
    if (take_frame(&frame) != 0) return cancel();
  if (found < 0) cancel();
}

static void receive(void) {
  ssize_t got = frame_receive(&reader, connection);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return cancel();
  take_frames();
}

/* Moves one piece of output on, if the one before is sent. */
static void read_stream(struct stream *stream) {
  if (stream->fd < 0 || !is_sent()) return;
  outgoing.start = outgoing.end = 0;
  ssize_t got = read(stream->fd, outgoing.data + FRAME_HEADER_BYTES, FRAME_DATA_BYTES);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) return close_stream(stream); /* EIO is the end of a terminal */
  put_header(outgoing.data, (size_t)got, stream->type);
  outgoing.end = FRAME_HEADER_BYTES + (size_t)got;
  send_or_cancel();
}

static int next_wait_ms(void) {
  int wait = -1;
  if (run.gone) return LAST_OUTPUT_MS;
  if (input.look >= 0 && input.written > input.reported) wait = input.interval_ms;
  if (run.kill_at) {
    long long left = run.kill_at - now_ms();
    if (left < 0) left = 0;
    if (wait < 0 || left < wait) wait = (int)left;
  }
  return wait;
}

/* One round of the loop; 0 when nothing came within next_wait_ms(). */
static int serve_events(void) {
  struct pollfd polls[] = {
      {.fd = run.children, .events = POLLIN},
      {.fd = run.cancelled && is_sent() ? -1 : connection,
       .events = (short)((run.cancelled ? 0 : POLLIN) | (is_sent() ? 0 : POLLOUT))},
      {.fd = is_sent() ? streams[0].fd : -1, .events = POLLIN},
      {.fd = is_sent() ? streams[1].fd : -1, .events = POLLIN},
      {.fd = input.held_bytes ? input.fd : -1, .events = POLLOUT},
      {.fd = run.cancelled ? -1 : life},
  };
  int ready = poll(polls, sizeof polls / sizeof *polls, next_wait_ms());
  if (ready <= 0) return ready;
  if (polls[0].revents) reap();
  if (polls[1].revents) send_or_cancel();
  if (polls[1].revents & (POLLIN | POLLHUP | POLLERR) && !run.cancelled) receive();
  if (polls[5].revents) cancel(); /* the runner ends */
  if (polls[4].revents) write_input();
  if (polls[2].revents) read_stream(&streams[0]);
  if (polls[3].revents) read_stream(&streams[1]);
  return ready;
}

static int is_over(void) { return run.gone && (run.cancelled || (streams[0].fd < 0 && streams[1].fd < 0)); }

static uint32_t to_ms(struct timeval time) { return (uint32_t)(time.tv_sec * 1000 + time.tv_usec / 1000); }

static void queue_exit(void) {
  struct rusage usage; /* of all that ended here, thus of the whole tree */
  getrusage(RUSAGE_CHILDREN, &usage);
  unsigned char payload[EXIT_BYTES] = {0};
  payload[0] = WIFSIGNALED(run.status) ? 1 : 0;
  payload[1] = (unsigned char)(WIFSIGNALED(run.status) ? WTERMSIG(run.status) : WEXITSTATUS(run.status));
  payload[2] = WIFSIGNALED(run.status) && WCOREDUMP(run.status) ? 1 : 0;
  put_u32(payload + 4, (uint32_t)usage.ru_maxrss);
  put_u32(payload + 8, to_ms(usage.ru_utime));
  put_u32(payload + 12, to_ms(usage.ru_stime));
  put_u32(payload + 16, (uint32_t)run.left);
  queue_frame(FRAME_EXIT, payload, sizeof payload);
}

static noreturn void serve_job(void) {
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  read_job();
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  run.children = signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
  input.interval_ms = LOOK_SOONEST_MS;
  run.command = start_command();
  take_frames(); /* what came together with the request */
  while (!is_over()) {
    if (!run.cancelled) report_taken();
    send_or_cancel();
    int ready = serve_events();
    kill_tree_when_due();
    /* What is still open now was handed to a process outside the job. While the peer is slow, that can't be said. */
    if (ready == 0 && run.gone && is_sent()) break;
  }
  send_rest();
  if (!run.cancelled) report_taken();
  queue_exit();
  part();
}

/* ---- The runner ---- */

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
  if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) != 0 || listen(fd, SOMAXCONN) != 0) fail(path);
  umask(before);
  return fd;
}

/* The wrapper that was built with us, to be known when a job names it by another name. */
static void find_swarmrun(void) {
  char path[PATH_MAX + 16];
  ssize_t length = readlink("/proc/self/exe", path, PATH_MAX);
  if (length <= 0) return;
  path[length] = '\0';
  strcpy(strrchr(path, '/') + 1, "swarmrun");
  swarmrun_known = stat(path, &swarmrun_file) == 0;
}

static void accept_job(int listener, int alive) {
  int accepted = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
  if (accepted < 0) {
    if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) poll(NULL, 0, 10); /* until jobs end */
    return;
  }
  pid_t pid = fork();
  connection = accepted;
  if (pid == 0) {
    close(alive); /* only the runner holds it, so that its end is seen */
    close(listener);
    serve_job();
  }
  if (pid < 0) {
    const char text[] = "fork EAGAIN";
    queue_frame(FRAME_SPAWN_FAILED, text, sizeof text - 1);
    send_some();
    outgoing.start = outgoing.end = 0;
  }
  close(accepted);
}

/* Only the end of stdin ends the runner, not what a terminal or systemd sends to the peer's whole group: the peer may want to finish. */
static void ignore_signals(void) {
  const int ignored[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2, SIGTSTP, SIGTTOU};
  for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++) signal(ignored[i], SIG_IGN);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
}

static void on_child(int number) { (void)number; }

static void reap_jobs(void) {
  while (waitpid(-1, NULL, WNOHANG) > 0) continue;
}

/* The peer is gone: every job sees `alive` hang up and ends its tree; we wait for them. */
static noreturn void end_all(const char *path, int listener, int alive) {
  close(listener);
  unlink(path);
  close(alive);
  for (long long until = now_ms() + LAST_JOBS_MS; now_ms() < until; poll(NULL, 0, 10)) {
    reap_jobs();
    if (waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD) break;
  }
  _exit(0);
}

int main(int argc, char **argv) {
  if (argc != 2) {
    dprintf(2, "Usage: swarmexec SOCKET\nRuns commands for a buildswarm peer, which starts it; ends when its stdin ends.\n");
    return 2;
  }
  for (int fd = open("/dev/null", O_RDWR); fd <= 2; fd = open("/dev/null", O_RDWR))
    if (fd < 0) fail("/dev/null");
  /* Whatever the peer let through must not reach commands; with it goes the last /dev/null. */
  for (int fd = 3; fd < INHERITED_DESCRIPTORS; fd++) close(fd);
  ignore_signals();
  signal(SIGCHLD, on_child);
  find_swarmrun();
  int pipe_ends[2];
  if (pipe2(pipe_ends, O_CLOEXEC) != 0) fail("pipe");
  life = pipe_ends[0];
  int listener = listen_at(argv[1]);
  if (write(1, "ready\n", 6) != 6) fail("stdout");
  for (;;) {
    struct pollfd polls[] = {{.fd = listener, .events = POLLIN}, {.fd = 0, .events = POLLIN}};
    int ready = poll(polls, 2, -1);
    reap_jobs();
    if (ready < 0) continue;
    char ignored[64];
    if (polls[1].revents && read(0, ignored, sizeof ignored) <= 0) end_all(argv[1], listener, pipe_ends[1]);
    if (polls[0].revents) accept_job(listener, pipe_ends[1]);
  }
}
