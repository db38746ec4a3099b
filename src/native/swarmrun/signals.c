#define _GNU_SOURCE
#include "signals.h"

#include <sys/signalfd.h>
#include <unistd.h>

#include "descriptors.h"
#include "ending.h"
#include "peer.h"

enum { INSISTENCE = 3 }; /* so many unanswered requests to end, and we end without the peer */

static const struct timespec at_once = {0};
static const int passed_on[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGTSTP, SIGCONT};

void signals_watch(struct signal_watch *signals) {
  sigemptyset(&signals->taken);
  for (size_t i = 0; i < sizeof passed_on / sizeof *passed_on; i++) {
    struct sigaction action;
    if (sigismember(&signals->found, passed_on[i]) || sigaction(passed_on[i], NULL, &action) != 0) continue;
    if (action.sa_handler != SIG_IGN) sigaddset(&signals->taken, passed_on[i]);
  }
  sigprocmask(SIG_BLOCK, &signals->taken, NULL);
  signals->fd = to_high(signalfd(-1, &signals->taken, SFD_CLOEXEC | SFD_NONBLOCK));
  if (signals->fd < 0) sigprocmask(SIG_SETMASK, &signals->found, NULL);
}

static void pass_on(int peer, int number, int is_for_group) {
  const unsigned char payload[] = {(unsigned char)number, (unsigned char)is_for_group};
  send_frame(peer, FRAME_SIGNAL, payload, sizeof payload);
}

static int is_asked_to_stop(const struct signal_watch *signals) {
  sigset_t pending;
  return sigismember(&signals->taken, SIGTSTP) && sigpending(&pending) == 0 && sigismember(&pending, SIGTSTP);
}

/*
 * Stops as the terminal's ctrl-z asks; comes back when continued. The pending TSTP itself is what stops: a CONT that
 * comes before we have stopped takes it back, whenever that is, and a group that nobody could continue is not stopped.
 */
static void stop_here(void) {
  sigset_t only;
  sigemptyset(&only);
  sigaddset(&only, SIGTSTP);
  sigprocmask(SIG_UNBLOCK, &only, NULL);
  sigprocmask(SIG_BLOCK, &only, NULL);
}

/* Takes the CONT that waits, if there is one and it is ours to take. */
static void take_continue(const struct signal_watch *signals) {
  sigset_t only;
  sigemptyset(&only);
  if (sigismember(&signals->taken, SIGCONT)) sigaddset(&only, SIGCONT);
  sigtimedwait(&only, NULL, &at_once);
}

/*
 * Whoever comes back runs, so the command is to run too, whether a CONT is there or not: one that is ignored continues
 * all the same, and where TSTP did not stop us there is none.
 */
static void stop_with_command(const struct signal_watch *signals, int peer) {
  pass_on(peer, SIGTSTP, 1);
  stop_here();
  take_continue(signals);
  pass_on(peer, SIGCONT, 1);
}

/*
 * Whether the command's whole group is meant, as here the group of the wrapper. Who sends is seen: a terminal is the
 * kernel. INT and CONT are what shells send in the place of one.
 */
static int is_for_group(const siginfo_t *info) {
  return info->si_code == SI_KERNEL || info->si_signo == SIGINT || info->si_signo == SIGCONT;
}

void signals_pass_on(struct signal_watch *signals, int peer) {
  sigset_t others = signals->taken;
  sigdelset(&others, SIGTSTP);
  siginfo_t info;
  for (int number; (number = sigtimedwait(&others, &info, &at_once)) > 0;) {
    if (number != SIGCONT) signals->deadly = number;
    /* The peer may be frozen; our end cancels the job. */
    if ((number == SIGINT || number == SIGTERM || number == SIGHUP || number == SIGQUIT) &&
        ++signals->requests_to_end >= INSISTENCE)
      die_of(number);
    pass_on(peer, number, is_for_group(&info));
  }
  if (is_asked_to_stop(signals)) stop_with_command(signals, peer);
}
