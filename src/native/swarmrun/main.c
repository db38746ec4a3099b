/*
 * swarmrun: runs a command on the swarm as if it ran here. It hands argv, environment and a description
 * of itself to the peer of this machine over a unix socket (docs/PROTOCOL.md, section 1), then passes
 * output, input and signals on, and ends as the command ended. Whatever goes wrong before the command
 * has shown an effect, it executes the command itself, in place ("inline").
 *
 * Two rules shape the code. Nothing that the command would have inherited is touched: signals are taken by
 * a signalfd, so no disposition changes; descriptors of ours stand at high numbers, so that closed
 * ones stay closed. And nothing is taken from stdin that the command has not really read.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdnoreturn.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/sysmacros.h>
#include <sys/un.h>

#include "../frame.h"
#include "../program.h"

#ifndef BUILDSWARM_VERSION
#define BUILDSWARM_VERSION "0"
#endif

enum {
  HIGH_DESCRIPTOR = 200,    /* shells and scripts use those below for themselves */
  PEER_DEADLINE_SECONDS = 5, /* for connecting and writing: a longer wait means that the peer is frozen */
  PEER_SILENCE_MS = 20000,   /* a peer that lives sends a beat every few seconds */
  WORKER_END_MS = 500,       /* TERM, a quarter of a second, KILL */
  PIPE_PIECE_BYTES = 4096,  /* what a pipe that polls as writable takes without blocking */
  INSISTENCE = 3,           /* so many unanswered requests to end, and we end without the peer */
};

enum kind { CLOSED, NULL_DEVICE, REGULAR, PIPE, SOCKET, TERMINAL, OTHER };
static const char *const kind_names[] = {"closed", "null", "file", "pipe", "socket", "tty", "other"};

/* The signals that are passed on; all others act on the wrapper as they would on the command. */
static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};

extern char **environ;
static char **command;
static const char *force = "";
static struct stat self_file;
static int self_known;

static int peer = -1;           /* the socket */
static int signals = -1;        /* signalfd of what is passed on */
static sigset_t found_mask;     /* the signal mask as we found it */
static int request_to_end;      /* the last signal that asks to end, not answered by an EXIT yet */
static int requests_to_end;
static enum kind kinds[3];

static struct {
  int fd;
  const unsigned char *at;
  size_t left;
  int begun; /* something of the command was written: it can't run a second time */
} output;

static struct {
  int wanted, ended;
  uint64_t sent, taken; /* bytes given to the peer; bytes that the command has read */
  off_t start;          /* of a regular file */
  int copy[2];          /* a pipe of ours, to look into a pipe without emptying it */
  int watch;            /* an edge triggered epoll: a level would stay high over what was sent already */
} input = {.copy = {-1, -1}, .watch = -1};

static void debug(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void debug(const char *format, ...) {
  const char *wish = getenv("BUILDSWARM_DEBUG");
  if (!wish || !*wish || strcmp(wish, "0") == 0) return;
  char text[512];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  dprintf(2, "swarmrun: %s\n", text);
}

/* Moves a descriptor out of the way of 0-2, which may be closed and must stay so, and of the command's own. */
static int high(int fd) {
  if (fd < 0) return fd;
  int moved = fcntl(fd, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);
  if (moved < 0) moved = fcntl(fd, F_DUPFD_CLOEXEC, 3);
  close(fd);
  return moved;
}

/* ---- Ending ---- */

/* Dies of `number` as the command did, without a core of our own over the one it may have left. */
static noreturn void die_of(int number) {
  const struct rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_DUMPABLE, 0); /* a core_pattern that is a pipe does not ask for the limit */
  signal(number, SIG_DFL);
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, number);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  kill(getpid(), number);
  _exit(128 + number);
}

/* Executes the command here and now, with everything as we found it. */
static noreturn void exec_inline(void) {
  if (signals >= 0) {
    if (request_to_end) die_of(request_to_end); /* it came before the command began: it would have died of it */
    sigprocmask(SIG_SETMASK, &found_mask, NULL);
  }
  int error = exec_program(command, environ, self_known ? &self_file : NULL);
  dprintf(2, "swarmrun: %s: %s\n", command[0], error == ENOENT ? "command not found" : strerror(error));
  _exit(error == ENOENT ? 127 : 126);
}

/* Can the command still run as if nothing had been tried? */
static int untouched(void) {
  if (output.begun) return 0;
  if (kinds[0] == REGULAR) return !input.taken || lseek(0, input.start, SEEK_SET) >= 0;
  return kinds[0] == PIPE || kinds[0] == SOCKET ? !input.taken : !input.sent;
}

/* The peer is of no use any more. */
static noreturn void lost(const char *why) {
  if (untouched()) {
    debug("inline: %s", why);
    exec_inline();
  }
  dprintf(2, "swarmrun: %s while %s ran on the swarm; what it wrote may be incomplete, run it again\n", why, command[0]);
  _exit(1);
}

/* ---- Describing ourselves ---- */

static enum kind kind_of(int fd) {
  struct stat st;
  if (fstat(fd, &st) != 0) return CLOSED;
  if (S_ISREG(st.st_mode)) return REGULAR;
  if (S_ISFIFO(st.st_mode)) return PIPE;
  if (S_ISSOCK(st.st_mode)) return SOCKET;
  if (!S_ISCHR(st.st_mode)) return OTHER;
  if (st.st_rdev == makedev(1, 3)) return NULL_DEVICE;
  return isatty(fd) ? TERMINAL : OTHER;
}

static int is_merged(void) {
  struct stat out, err;
  if (kinds[1] != kinds[2] || kinds[1] == CLOSED || kinds[1] == NULL_DEVICE) return 0;
  return fstat(1, &out) == 0 && fstat(2, &err) == 0 && out.st_dev == err.st_dev && out.st_ino == err.st_ino;
}

/* Is `fd` one that make left open for its jobserver? It is of no use to a command that is no make. */
static int is_jobserver(int fd, const char *flags) {
  static const char *const options[] = {"--jobserver-auth=", "--jobserver-fds="};
  for (int i = 0; flags && i < 2; i++) {
    const char *at = strstr(flags, options[i]);
    if (!at) continue;
    at += strlen(options[i]);
    int in, out;
    if (sscanf(at, "%d,%d", &in, &out) == 2) return fd == in || fd == out;
    char path[PATH_MAX];
    struct stat fifo, own;
    if (sscanf(at, "fifo:%4095[^ ]", path) == 1 && stat(path, &fifo) == 0 && fstat(fd, &own) == 0)
      return fifo.st_dev == own.st_dev && fifo.st_ino == own.st_ino;
  }
  return 0;
}

/*
 * Whether our parent has the very same thing open under this number: then it was not given to this command for a
 * purpose, but leaked through everything on the way (terminals, CI runners and daemons all leak some).
 */
static int is_leaked(int fd) {
  char path[64];
  struct stat ours, theirs;
  snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)getppid(), fd);
  return fstat(fd, &ours) == 0 && stat(path, &theirs) == 0 && ours.st_dev == theirs.st_dev &&
         ours.st_ino == theirs.st_ino;
}

/* Does an argument speak of descriptors by path, as bash's <(...) does? Bash has those open itself, too. */
static int names_descriptors(void) {
  for (char **argument = command; *argument; argument++)
    if (strstr(*argument, "/dev/fd/") || strstr(*argument, "/proc/self/fd/")) return 1;
  return 0;
}

/* How many descriptors the command was given besides 0-2; 0 if that can't be seen. */
static int count_descriptors(void) {
  int count = 0, named = names_descriptors();
  int fd = high(open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  DIR *list = fd < 0 ? NULL : fdopendir(fd);
  if (!list) return 0;
  for (struct dirent *entry; (entry = readdir(list));) {
    int other = atoi(entry->d_name); /* "." and ".." are 0 */
    int flags = other > 2 ? fcntl(other, F_GETFD) : -1;
    if (flags < 0 || flags & FD_CLOEXEC || is_jobserver(other, getenv("MAKEFLAGS"))) continue;
    if (named || !is_leaked(other)) count++;
  }
  closedir(list);
  return count;
}

static uint64_t mask_of(const sigset_t *set) {
  uint64_t mask = 0;
  for (int number = 1; number <= 64; number++)
    if (sigismember(set, number) == 1) mask |= 1ull << (number - 1);
  return mask;
}

static uint64_t ignored_signals(void) {
  uint64_t mask = 0;
  struct sigaction action;
  for (int number = 1; number <= 64; number++)
    if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN) mask |= 1ull << (number - 1);
  return mask;
}

static void add_frame(struct bytes *to, int type, const struct bytes *payload) {
  unsigned char header[FRAME_HEADER_BYTES];
  put_header(header, payload->length, type);
  bytes_add(to, header, sizeof header);
  bytes_add(to, payload->data, payload->length);
  if (payload->failed) to->failed = 1;
}

static void add_list(struct bytes *to, int type, char **items) {
  struct bytes payload = {0};
  for (; *items; items++) bytes_add(&payload, *items, strlen(*items) + 1);
  if (payload.length > FRAME_LIST_BYTES) payload.failed = 1;
  add_frame(to, type, &payload);
  free(payload.data);
}

static void add_pair(struct bytes *to, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add_pair(struct bytes *to, const char *format, ...) {
  char text[64];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  bytes_add(to, text, (size_t)length + 1);
}

static void add_job(struct bytes *to) {
  struct bytes job = {0};
  struct winsize size = {0};
  if (kinds[2] == TERMINAL) ioctl(2, TIOCGWINSZ, &size);
  else if (kinds[1] == TERMINAL) ioctl(1, TIOCGWINSZ, &size);
  mode_t mask = umask(0);
  umask(mask);
  char *cwd = getcwd(NULL, 0);
  add_pair(&job, "version=1");
  add_pair(&job, "pid=%d", (int)getpid());
  bytes_add(&job, "cwd=", 4);
  bytes_add(&job, cwd ? cwd : "", (cwd ? strlen(cwd) : 0) + 1);
  add_pair(&job, "umask=%03o", (unsigned)mask);
  add_pair(&job, "stdin=%s", kind_names[kinds[0]]);
  add_pair(&job, "stdout=%s", kind_names[kinds[1]]);
  add_pair(&job, "stderr=%s", kind_names[kinds[2]]);
  add_pair(&job, "merged=%d", is_merged());
  add_pair(&job, "descriptors=%d", count_descriptors());
  add_pair(&job, "blocked=%llx", (unsigned long long)mask_of(&found_mask));
  add_pair(&job, "ignored=%llx", (unsigned long long)ignored_signals());
  add_pair(&job, "rows=%u", size.ws_row);
  add_pair(&job, "columns=%u", size.ws_col);
  add_pair(&job, "force=%s", force);
  if (job.length > FRAME_DATA_BYTES) job.failed = 1;
  add_frame(to, FRAME_JOB, &job);
  free(job.data);
  free(cwd);
}

/* ---- The connection ---- */

static int is_private_directory(const char *socket_path) {
  char directory[sizeof ((struct sockaddr_un *)0)->sun_path];
  strcpy(directory, socket_path);
  char *slash = strrchr(directory, '/');
  if (!slash) return 0;
  *slash = '\0';
  struct stat st;
  return lstat(slash == directory ? "/" : directory, &st) == 0 && S_ISDIR(st.st_mode) && st.st_uid == geteuid() &&
         (st.st_mode & 0777) == 0700;
}

/* A connection to the peer of this user at `path`, or -1. */
static int connect_to(const char *path) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(path) >= sizeof address.sun_path) {
    debug("the socket path %s is longer than the %zu bytes that a socket may have", path, sizeof address.sun_path - 1);
    return -1;
  }
  strcpy(address.sun_path, path);
  if (!is_private_directory(path)) {
    debug("the directory of %s does not exist, or is not yours with mode 0700", path);
    return -1;
  }
  int fd = high(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (fd < 0) return -1;
  const struct timeval deadline = {.tv_sec = PEER_DEADLINE_SECONDS};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &deadline, sizeof deadline);
  struct ucred other;
  socklen_t size = sizeof other;
  if (connect(fd, (struct sockaddr *)&address, sizeof address) == 0 &&
      getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &other, &size) == 0 && other.uid == geteuid())
    return fd;
  debug("no peer of yours answers at %s: %s", path, strerror(errno));
  close(fd);
  return -1;
}

static int connect_peer(void) {
  const char *given = getenv("BUILDSWARM_SOCKET"), *runtime = getenv("XDG_RUNTIME_DIR");
  if (given && *given) return connect_to(given);
  char path[PATH_MAX];
  if (runtime && *runtime) {
    snprintf(path, sizeof path, "%s/buildswarm/peer.sock", runtime);
    int fd = connect_to(path);
    if (fd >= 0) return fd;
  }
  snprintf(path, sizeof path, "/tmp/buildswarm-%u/peer.sock", (unsigned)geteuid());
  return connect_to(path);
}

static int send_all(const unsigned char *data, size_t length) {
  while (length > 0) {
    ssize_t done = send(peer, data, length, MSG_NOSIGNAL);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return -1;
    data += done;
    length -= (size_t)done;
  }
  return 0;
}

static void send_frame(int type, const void *payload, size_t length) {
  static unsigned char frame[FRAME_HEADER_BYTES + FRAME_DATA_BYTES];
  put_header(frame, length, type);
  if (length) memcpy(frame + FRAME_HEADER_BYTES, payload, length);
  /* That the peer is gone is seen, and dealt with, where its frames are read. */
  if (send_all(frame, FRAME_HEADER_BYTES + length) != 0) debug("the peer takes nothing more: %s", strerror(errno));
}

/* Asks the peer to run the command. Signals end us here as they would end the command, and so the job. */
static void hand_over(void) {
  struct bytes request = {0};
  add_list(&request, FRAME_ARGV, command);
  add_list(&request, FRAME_ENV, environ);
  add_job(&request);
  if (request.failed || send_all(request.data, request.length) != 0) {
    debug("inline: %s", request.failed ? "the command line or environment is too long" : "the peer takes no job");
    close(peer);
    exec_inline();
  }
  free(request.data);
}

/* ---- Signals ---- */

/* From here on signals are passed on. Blocked ones stay blocked, and ignored ones ignored, as they would for the command. */
static void watch_signals(void) {
  sigset_t taken;
  sigemptyset(&taken);
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
    struct sigaction action;
    if (sigismember(&found_mask, passed_on[i]) || sigaction(passed_on[i], NULL, &action) != 0) continue;
    if (action.sa_handler != SIG_IGN) sigaddset(&taken, passed_on[i]);
  }
  sigprocmask(SIG_BLOCK, &taken, NULL);
  signals = high(signalfd(-1, &taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals < 0) sigprocmask(SIG_SETMASK, &found_mask, NULL);
}

/* Stops as the terminal's ctrl-z asks; comes back when continued. */
static void stop_here(void) {
  sigset_t only, before;
  sigemptyset(&only);
  sigaddset(&only, SIGTSTP);
  kill(getpid(), SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &only, &before);
  sigprocmask(SIG_SETMASK, &before, NULL);
}

static void pass_signals_on(void) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    unsigned char number = (unsigned char)info.ssi_signo;
    if (number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) {
      request_to_end = number;
      if (++requests_to_end >= INSISTENCE) die_of(number); /* the peer may be frozen; our end cancels the job */
    }
    send_frame(FRAME_SIGNAL, &number, 1);
    if (number == SIGTSTP) stop_here();
  }
}

/* ---- Output ---- */

/* The reader went away or the disk is full. SIGPIPE has ended us before, unless it is ignored. */
static void output_failed(void) {
  /* Commands fail if their stdout does, and few look whether their stderr does. */
  if (output.fd == 1) {
    dprintf(2, "swarmrun: %s: cannot write its standard output: %s\n", command[0], strerror(errno));
    _exit(1);
  }
  output.left = 0;
}

static ssize_t write_piece(void) {
  enum kind kind = kinds[output.fd];
  if (kind == SOCKET) return send(output.fd, output.at, output.left, MSG_DONTWAIT);
  if (kind != PIPE) return write(output.fd, output.at, output.left);
  /* A write that blocks would make us deaf to signals, and O_NONBLOCK is not ours to set: others share it. */
  struct pollfd ready = {.fd = output.fd, .events = POLLOUT};
  if (poll(&ready, 1, 0) == 0) {
    errno = EAGAIN;
    return -1;
  }
  return write(output.fd, output.at, output.left < PIPE_PIECE_BYTES ? output.left : PIPE_PIECE_BYTES);
}

/* Writes what can be written now of the frame at hand. */
static void write_output(void) {
  while (output.left > 0) {
    ssize_t done = write_piece();
    if (done < 0 && errno == EINTR) continue;
    if (done < 0 && errno == EAGAIN) return;
    if (done < 0) {
      output_failed();
      return;
    }
    output.begun = 1;
    output.at += done;
    output.left -= (size_t)done;
  }
}

static void take_output(int fd, const struct frame *frame) {
  if (kinds[fd] == CLOSED) return;
  output.fd = fd;
  output.at = frame->payload;
  output.left = frame->length;
  write_output();
}

/* ---- Input ---- */

static unsigned char window[STDIN_WINDOW_BYTES];

static void empty_copy(void) {
  int left = 0;
  while (ioctl(input.copy[0], FIONREAD, &left) == 0 && left > 0)
    if (read(input.copy[0], window, sizeof window) <= 0) return;
}

static int hung_up(void) {
  struct pollfd state = {.fd = 0, .events = POLLIN | POLLRDHUP};
  return poll(&state, 1, 0) > 0 && (state.revents & (POLLHUP | POLLRDHUP | POLLERR | POLLNVAL));
}

/* Fills `window` from the beginning of what stdin holds, without taking it. */
static ssize_t look_into(size_t most) {
  if (kinds[0] == SOCKET) return recv(0, window, most, MSG_PEEK | MSG_DONTWAIT);
  ssize_t copied = tee(0, input.copy[1], most, SPLICE_F_NONBLOCK);
  for (ssize_t at = 0, got; at < copied; at += got)
    if ((got = read(input.copy[0], window + at, (size_t)(copied - at))) <= 0) return -1;
  return copied;
}

/* Bytes after those that were sent already, at the start of `window`: 0 at the end, -1 if none are there now. */
static ssize_t look_ahead(size_t most) {
  size_t ahead = (size_t)(input.sent - input.taken);
  int ended = hung_up(); /* asked first: what was written before the end is then seen below */
  int held = 0;
  if (ioctl(0, FIONREAD, &held) != 0) return 0;
  if ((size_t)held > ahead) {
    ssize_t seen = look_into(ahead + most);
    if (seen <= (ssize_t)ahead) return -1;
    memmove(window, window + ahead, (size_t)seen - ahead);
    return seen - (ssize_t)ahead;
  }
  return ended ? 0 : -1;
}

static ssize_t next_input(size_t most) {
  if (kinds[0] == PIPE || kinds[0] == SOCKET) return look_ahead(most);
  if (kinds[0] == REGULAR) {
    ssize_t got = pread(0, window, most, input.start + (off_t)input.sent);
    return got < 0 ? 0 : got;
  }
  /* A terminal or device can't be looked into: one piece (a line) at a time. */
  struct pollfd ready = {.fd = 0, .events = POLLIN};
  if (input.sent > input.taken || poll(&ready, 1, 0) <= 0) return -1;
  ssize_t got = read(0, window, most);
  return got < 0 ? (errno == EAGAIN || errno == EINTR ? -1 : 0) : got;
}

static void send_input(void) {
  while (!input.ended && input.sent - input.taken < STDIN_WINDOW_BYTES) {
    ssize_t got = next_input(STDIN_WINDOW_BYTES - (size_t)(input.sent - input.taken));
    if (got < 0) return;
    if (got == 0) input.ended = 1;
    send_frame(got ? FRAME_STDIN : FRAME_STDIN_END, window, (size_t)got);
    input.sent += (uint64_t)got;
  }
}

/* Takes from stdin what the command has read. */
static void drop_input(uint64_t count) {
  while (count > 0 && (kinds[0] == PIPE || kinds[0] == SOCKET)) {
    size_t most = count < sizeof window ? (size_t)count : sizeof window;
    ssize_t gone = kinds[0] == SOCKET ? recv(0, window, most, MSG_DONTWAIT)
                                      : splice(0, NULL, input.copy[1], NULL, most, SPLICE_F_NONBLOCK);
    if (gone <= 0) return; /* another reader of the same pipe was quicker */
    if (kinds[0] == PIPE) empty_copy();
    count -= (uint64_t)gone;
  }
  if (kinds[0] == REGULAR && count > 0) lseek(0, input.start + (off_t)input.taken, SEEK_SET);
}

static void begin_input(void) {
  input.wanted = 1;
  if (kinds[0] == REGULAR) input.start = lseek(0, 0, SEEK_CUR);
  if (kinds[0] == PIPE) {
    if (pipe2(input.copy, O_CLOEXEC) != 0) lost("no pipe can be made");
    for (int i = 0; i < 2; i++) input.copy[i] = high(input.copy[i]);
    /* As many buffers as stdin has, else many small ones in it would hide what comes after them. */
    fcntl(input.copy[1], F_SETPIPE_SZ, fcntl(0, F_GETPIPE_SZ));
  }
  if (kinds[0] == PIPE || kinds[0] == SOCKET) {
    input.watch = high(epoll_create1(EPOLL_CLOEXEC));
    struct epoll_event changes = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET};
    if (epoll_ctl(input.watch, EPOLL_CTL_ADD, 0, &changes) != 0) lost("standard input can't be watched");
  }
}

static void take_stdin_taken(const struct frame *frame) {
  if (frame->length != 8) lost("the peer sent garbage");
  uint64_t taken = get_u64(frame->payload);
  if (taken < input.taken || taken > input.sent) lost("the peer sent garbage");
  if (!input.wanted) begin_input();
  uint64_t more = taken - input.taken;
  input.taken = taken;
  drop_input(more);
}

/* ---- The relay ---- */

static noreturn void take_inline(const struct frame *frame) {
  if (!untouched()) lost("the peer gave the command back");
  debug("inline: the peer says so (%.*s)", (int)frame->length, (const char *)frame->payload);
  if (input.watch >= 0) close(input.watch);
  /* Open across the exec: its closing tells the peer that the slot is free. */
  fcntl(peer, F_SETFD, 0);
  exec_inline();
}

static noreturn void take_exit(const struct frame *frame) {
  if (frame->length < 3 || frame->payload[0] > 1) lost("the peer sent garbage");
  if (frame->payload[0] == 1) die_of(frame->payload[1]);
  _exit(frame->payload[1]);
}

static long limit_of(int type) {
  switch (type) {
    case FRAME_INLINE: return 256;
    case FRAME_STDIN_TAKEN: return 8;
    case FRAME_STDOUT:
    case FRAME_STDERR: return FRAME_DATA_BYTES;
    case FRAME_EXIT: return 64;
    case FRAME_BEAT: return 0;
    default: return -1;
  }
}

static void take_frame(const struct frame *frame) {
  switch (frame->type) {
    case FRAME_INLINE: take_inline(frame);
    case FRAME_EXIT: take_exit(frame);
    case FRAME_STDOUT: take_output(1, frame); break;
    case FRAME_STDERR: take_output(2, frame); break;
    case FRAME_BEAT: break; /* it lives; the job waits or runs */
    default: take_stdin_taken(frame);
  }
}

/* Waits until there is something to do. While output waits for its reader, nothing more is read from the peer. */
static void wait_for_events(struct frame_reader *reader) {
  int device = kinds[0] != PIPE && kinds[0] != SOCKET && kinds[0] != REGULAR;
  int open = input.wanted && !input.ended && input.sent - input.taken < STDIN_WINDOW_BYTES;
  struct pollfd polls[] = {
      {.fd = signals, .events = POLLIN},
      {.fd = output.left ? -1 : peer, .events = POLLIN},
      {.fd = output.left ? output.fd : -1, .events = POLLOUT},
      {.fd = !open ? -1 : !device ? input.watch : input.sent == input.taken ? 0 : -1, .events = POLLIN},
  };
  int ready = poll(polls, 4, output.left ? -1 : PEER_SILENCE_MS);
  if (ready < 0) return; /* EINTR: stopped and continued */
  if (ready == 0) lost("the peer fell silent");
  if (polls[0].revents) pass_signals_on();
  if (polls[2].revents) write_output();
  struct epoll_event change;
  if (polls[3].revents && !device) epoll_wait(input.watch, &change, 1, 0);
  if (!polls[1].revents) return;
  ssize_t got = frame_receive(reader, peer);
  if (got == 0 || (got < 0 && errno != EAGAIN)) {
    /* A worker that ran it hears of this too and ends what writes in place: let it, before we write there. */
    if (untouched()) usleep(WORKER_END_MS * 1000);
    lost("the connection to the peer was lost");
  }
}

static noreturn void relay(void) {
  struct frame_reader reader = {0};
  for (;;) {
    struct frame frame;
    int found = 0;
    while (!output.left && (found = frame_next(&reader, limit_of, &frame)) > 0) take_frame(&frame);
    if (found < 0) lost("the peer sent garbage");
    if (input.wanted) send_input();
    wait_for_events(&reader);
  }
}

/* ---- The command line ---- */

static const char help[] =
    "Usage: swarmrun [--local|--remote] COMMAND [ARGUMENT...]\n"
    "Runs COMMAND on the build swarm as if it ran here; here, if the swarm can't.\n"
    "\n"
    "  --local       the swarm gives it a slot of this machine\n"
    "  --remote      the swarm runs it on another machine\n"
    "\n"
    "A link to swarmrun with the name of a compiler runs the next compiler of that name in PATH.\n"
    "FORCE_INLINE=1 in the environment: never ask the swarm. BUILDSWARM_DEBUG=1: tell what was decided.\n"
    "BUILDSWARM_SOCKET: where the peer listens. `buildswarm start` starts a peer.\n";

static noreturn void print(int fd, const char *text, int status) {
  dprintf(fd, "%s", text);
  _exit(status);
}

/* Finds the command in our own arguments; our own options stand before it. */
static void read_command_line(char **argv) {
  if (!argv[0]) print(2, help, 2);
  command = argv;
  if (strcmp(base_name(argv[0]), "swarmrun-remote") == 0) { /* as `buildswarm run --remote` calls us */
    command[0] = (char *)"swarmrun";
    force = "remote";
  }
  /* `swarmrun swarmrun g++` (a launcher before a wrapped compiler) is one wrapper, or it would take two slots. */
  while (command[0] && strcmp(base_name(command[0]), "swarmrun") == 0) {
    command++;
    for (; command[0] && command[0][0] == '-'; command++) {
      if (strcmp(command[0], "--") == 0) {
        command++;
        break;
      }
      if (strcmp(command[0], "--version") == 0) print(1, "swarmrun " BUILDSWARM_VERSION "\n", 0);
      if (strcmp(command[0], "--help") == 0) print(1, help, 0);
      if (strcmp(command[0], "--local") != 0 && strcmp(command[0], "--remote") != 0) print(2, help, 2);
      force = command[0] + 2;
    }
  }
  if (!command[0]) print(2, help, 2);
}

int main(int argc, char **argv) {
  (void)argc;
  self_known = stat("/proc/self/exe", &self_file) == 0;
  read_command_line(argv);
  if (getenv("FORCE_INLINE") || getenv("FORCE_LOCAL")) {
    debug("inline: the environment asks for it");
    exec_inline();
  }
  sigprocmask(SIG_SETMASK, NULL, &found_mask);
  for (int fd = 0; fd < 3; fd++) kinds[fd] = kind_of(fd);
  /* What can't be read is no pipe to look into; reading it then tells the command the end. */
  if (kinds[0] != CLOSED && (fcntl(0, F_GETFL) & O_ACCMODE) == O_WRONLY) kinds[0] = OTHER;
  peer = connect_peer();
  if (peer < 0) exec_inline();
  hand_over();
  watch_signals();
  relay();
}
