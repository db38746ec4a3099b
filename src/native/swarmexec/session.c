#define _GNU_SOURCE
#include "session.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "command.h"
#include "lease.h"
#include "request.h"
#include "streams.h"
#include "tree.h"

enum {
  TERM_TO_KILL_MS = 250,
  KILL_AGAIN_MS = 20,   /* a tree that forks while it is killed is walked again; */
  KILL_LATEST_MS = 500, /* seldom at last: what waits for a dead file server takes its time */
  LAST_OUTPUT_MS = 100, /* for output to come when no process of the job is left */
  SETTLE_MS = 1000,     /* for what is left in the background and has closed both outputs to end */
  EXIT_BYTES = 20,
  EXIT_LAPSED = 1,
  EXIT_STAYS = 2,
  SIGNAL_BYTES = 2,
  KEPT_BYTES = 1 << 20, /* of a request, in memory: more is given back by the end of the process */
};

struct usage {
  uint32_t most_rss_kib;
  long long user_us, system_us;
};

struct session {
  struct connection *peer;
  struct streams streams;
  struct lease lease;
  pid_t command;
  int children;       /* signalfd of SIGCHLD */
  int status, exited; /* of the command */
  struct usage usage; /* of all of the tree that has ended */
  int background_ms;
  int relays;      /* the command passes signals on to another one */
  int told_to_end; /* the caller has sent a signal that ends commands */
  int cancelled;
  int lapsed;         /* the lease has, and so the job was ended */
  int gone;           /* no process is left */
  long long leave_at; /* when what is left is left alone; 0: not now */
  long long kill_at;  /* 0: not ending yet */
  int kill_again_ms;
};

static void end_tree(struct session *job) {
  if (job->kill_at || job->gone) return;
  tree_signal(SIGTERM);
  job->kill_at = now_ms() + TERM_TO_KILL_MS;
}

static void kill_tree_when_due(struct session *job) {
  if (!job->kill_at || job->gone || now_ms() < job->kill_at) return;
  /* Without CONFIG_PROC_CHILDREN the walk finds none, and the group is all that can be named. */
  if (tree_signal(SIGKILL) == 0 && !job->exited) kill(-job->command, SIGKILL);
  job->kill_at = now_ms() + job->kill_again_ms;
  job->kill_again_ms = job->kill_again_ms * 2 < KILL_LATEST_MS ? job->kill_again_ms * 2 : KILL_LATEST_MS;
}

/* The peer wants no more of this job. If it only closed its own half, it is still told how it ended. */
static void cancel(struct session *job) {
  job->cancelled = 1;
  streams_close(&job->streams);
  end_tree(job);
}

/* Nobody knows of this job any more, and it may run elsewhere by now: no process of it may write another byte. */
static void lapse(struct session *job) {
  if (!job->exited) kill(-job->command, SIGKILL); /* at once; the walk takes its time */
  tree_signal(SIGKILL);
  job->lapsed = 1;
  job->kill_at = now_ms() + job->kill_again_ms;
  cancel(job);
}

static long long to_us(struct timeval time) { return time.tv_sec * 1000000LL + time.tv_usec; }

/* What the kernel sums up for this process is that of earlier jobs too. */
static void add_usage(struct usage *to, const struct rusage *usage) {
  if ((uint32_t)usage->ru_maxrss > to->most_rss_kib) to->most_rss_kib = (uint32_t)usage->ru_maxrss;
  to->user_us += to_us(usage->ru_utime);
  to->system_us += to_us(usage->ru_stime);
}

static void reap(struct session *job) {
  struct signalfd_siginfo info;
  while (read(job->children, &info, sizeof info) > 0) continue;
  struct rusage usage;
  int status;
  pid_t pid;
  while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
    add_usage(&job->usage, &usage);
    if (pid != job->command) continue;
    job->exited = 1;
    job->status = status;
  }
  if (pid < 0 && errno == ECHILD) job->gone = 1;
}

static int are_outputs_closed(const struct session *job) {
  return job->streams.outputs[0].fd < 0 && job->streams.outputs[1].fd < 0;
}

/* Deals with what the command has left in the background. */
static void mind_background(struct session *job) {
  if (!job->exited || job->gone || job->kill_at) return;
  if (job->background_ms == 0 || job->told_to_end) {
    end_tree(job);
    return;
  }
  long long now = now_ms();
  if (!job->leave_at) job->leave_at = now + job->background_ms;
  if (are_outputs_closed(job) && job->leave_at > now + SETTLE_MS) job->leave_at = now + SETTLE_MS;
  if (now < job->leave_at) return;
  for (int i = 0; i < 2; i++) output_finish(&job->streams.outputs[i]);
}

/* Is what is left of the job to be left alone? */
static int is_left_alone(const struct session *job) {
  return job->leave_at && !job->kill_at && now_ms() >= job->leave_at;
}

/* A peer that is gone altogether is owed nothing more. */
static void peer_gone(struct session *job) {
  connection_clear(job->peer);
  cancel(job);
}

static void send_or_cancel(struct session *job) {
  if (connection_send_some(job->peer) != 0) peer_gone(job);
}

static long run_limit(int type) {
  switch (type) {
    case FRAME_STDIN: return FRAME_DATA_BYTES;
    case FRAME_STDIN_END:
    case FRAME_BEAT: return 0;
    case FRAME_SIGNAL: return SIGNAL_BYTES;
    default: return -1;
  }
}

static void pass_signal(struct session *job, int number, int to_group) {
  if (number == SIGTERM || number == SIGINT || number == SIGHUP || number == SIGQUIT) job->told_to_end = 1;
  if (job->exited) return;
  if (job->relays) {
    /* It passes on what came to it alone: what reached its group would reach the command twice, or stop who passes on. */
    sigqueue(job->command, number, (union sigval){.sival_int = to_group});
    return;
  }
  /* A group without a parent in its session ignores TSTP by the rules of POSIX, so it is stopped outright. */
  kill(to_group ? -job->command : job->command, number == SIGTSTP ? SIGSTOP : number);
}

/* 0, or -1 if the peer broke the protocol. */
static int take_frame(struct session *job, const struct frame *frame) {
  struct input *input = &job->streams.input;
  switch (frame->type) {
    case FRAME_SIGNAL:
      if (frame->length != SIGNAL_BYTES) return -1;
      pass_signal(job, frame->payload[0], frame->payload[1]);
      return 0;
    case FRAME_BEAT: lease_renew(&job->lease); return 0;
    case FRAME_STDIN:
      if (input_hold(input, frame->payload, frame->length) != 0) return -1;
      break;
    case FRAME_STDIN_END: input->ended = 1; break;
  }
  input_write(input);
  return 0;
}

static void take_frames(struct session *job) {
  struct frame frame;
  int found;
  while ((found = frame_next(&job->peer->reader, run_limit, &frame)) > 0) {
    if (take_frame(job, &frame) != 0) {
      cancel(job);
      return;
    }
  }
  if (found < 0) cancel(job);
}

static void receive(struct session *job) {
  ssize_t got = frame_receive(&job->peer->reader, job->peer->fd);
  if (got == 0 || (got < 0 && errno != EAGAIN)) cancel(job);
  else take_frames(job);
}

/* The shorter of a wait (-1: for ever) and one until `at` (0: never). */
static int until(long long at, int wait) {
  if (!at) return wait;
  long long left = at - now_ms();
  if (left < 0) left = 0;
  return wait < 0 || left < wait ? (int)left : wait;
}

static int next_wait_ms(const struct session *job) {
  const struct input *input = &job->streams.input;
  int wait = -1;
  if (job->gone) return LAST_OUTPUT_MS;
  if (input->look >= 0 && input->written > input->reported) wait = input->interval_ms;
  /* Past its time, there is only to wait for the peer to take the output. */
  if (!is_left_alone(job)) wait = until(job->leave_at, wait);
  return until(job->kill_at, wait);
}

/* One round of the loop; 0 when nothing came within next_wait_ms(). */
static int serve_events(struct session *job) {
  struct output *outputs = job->streams.outputs;
  struct input *input = &job->streams.input;
  int is_sent = connection_is_sent(job->peer);
  struct pollfd polls[] = {
      {.fd = job->children, .events = POLLIN},
      {.fd = job->cancelled && is_sent ? -1 : job->peer->fd,
       .events = (short)((job->cancelled ? 0 : POLLIN) | (is_sent ? 0 : POLLOUT))},
      {.fd = is_sent ? outputs[0].fd : -1, .events = POLLIN},
      {.fd = is_sent ? outputs[1].fd : -1, .events = POLLIN},
      {.fd = input->held_bytes ? input->fd : -1, .events = POLLOUT},
      {.fd = job->cancelled ? -1 : job->peer->life},
      {.fd = job->lapsed ? -1 : job->lease.timer, .events = POLLIN},
  };
  int ready = poll(polls, sizeof polls / sizeof *polls, next_wait_ms(job));
  if (!job->lapsed && lease_has_lapsed(&job->lease)) lapse(job);
  if (ready <= 0) return ready;
  if (polls[0].revents) reap(job);
  if (polls[1].revents) send_or_cancel(job);
  if (polls[1].revents & (POLLIN | POLLHUP | POLLERR) && !job->cancelled) receive(job);
  if (polls[5].revents) cancel(job); /* the runner ends */
  if (polls[4].revents) input_write(input);
  for (int i = 0; i < 2; i++)
    if (polls[2 + i].revents && output_relay(&outputs[i], job->peer) != 0) peer_gone(job);
  return ready;
}

static int is_over(const struct session *job) {
  if (job->cancelled) return job->gone;
  return are_outputs_closed(job) && job->streams.spool < 0 && (job->gone || is_left_alone(job));
}

/* Is nothing left of the job, so that this process can run the next one? */
static int can_stay(const struct session *job) {
  return job->gone && !job->cancelled && !job->lapsed && job->peer->reader.buffer.room <= KEPT_BYTES;
}

static void queue_exit(const struct session *job, size_t left) {
  int signaled = WIFSIGNALED(job->status);
  unsigned char payload[EXIT_BYTES] = {0};
  payload[0] = signaled ? 1 : 0;
  payload[1] = (unsigned char)(signaled ? WTERMSIG(job->status) : WEXITSTATUS(job->status));
  payload[2] = signaled && WCOREDUMP(job->status) ? 1 : 0;
  payload[3] = (unsigned char)((job->lapsed ? EXIT_LAPSED : 0) | (can_stay(job) ? EXIT_STAYS : 0));
  put_u32(payload + 4, job->usage.most_rss_kib);
  put_u32(payload + 8, (uint32_t)(job->usage.user_us / 1000));
  put_u32(payload + 12, (uint32_t)(job->usage.system_us / 1000));
  put_u32(payload + 16, (uint32_t)left);
  connection_queue(job->peer, FRAME_EXIT, payload, sizeof payload);
}

static int watch_children(void) {
  sigset_t children;
  sigemptyset(&children);
  sigaddset(&children, SIGCHLD);
  sigprocmask(SIG_BLOCK, &children, NULL);
  return signalfd(-1, &children, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void run(struct session *job) {
  take_frames(job); /* what came together with the request */
  while (!is_over(job)) {
    if (!job->cancelled) input_report(&job->streams.input, job->peer);
    send_or_cancel(job);
    int ready = serve_events(job);
    mind_background(job);
    kill_tree_when_due(job);
    if (!job->cancelled && (job->gone || is_left_alone(job)) && streams_unspool(&job->streams)) continue;
    /* What is still open now was given to a process outside the job. While the peer is slow, that can't be said. */
    if (ready == 0 && job->gone && connection_is_sent(job->peer)) break;
  }
}

/* Stays with what lives on, to end it with the runner. */
static void guard_leftovers(struct session *job) {
  while (!job->gone) {
    struct pollfd polls[] = {{.fd = job->children, .events = POLLIN},
                             {.fd = job->kill_at ? -1 : job->peer->life}};
    if (poll(polls, 2, until(job->kill_at, -1)) > 0) {
      if (polls[0].revents) reap(job);
      if (polls[1].revents) end_tree(job);
    }
    kill_tree_when_due(job);
  }
}

static void run_job(struct session *job, const struct request *request, const struct stat *swarmrun) {
  job->background_ms = request->background_ms;
  job->relays = request->relays;
  job->lease = lease_begin(request->lease_ms);
  job->command = command_start(request, &job->streams, job->peer, swarmrun);
  run(job);
  connection_send_rest(job->peer);
  if (!job->cancelled) input_report(&job->streams.input, job->peer);
  queue_exit(job, job->gone ? 0 : tree_signal(0));
}

static void forget_job(struct session *job) {
  streams_close(&job->streams);
  lease_end(&job->lease);
}

noreturn void session_serve(struct connection *peer, const struct stat *swarmrun) {
  static struct session job; /* holds as much as a small stack does */
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  int children = watch_children();
  for (int is_first = 1;; is_first = 0) {
    struct request request = request_read(peer, is_first);
    job = (struct session){.peer = peer, .children = children, .kill_again_ms = KILL_AGAIN_MS};
    run_job(&job, &request, swarmrun);
    if (!can_stay(&job)) break;
    connection_send_rest(peer);
    forget_job(&job);
    request_free(&request);
  }
  input_close(&job.streams.input);
  connection_part(peer);
  guard_leftovers(&job);
  _exit(0);
}
