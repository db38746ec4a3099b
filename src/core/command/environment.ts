/**
 * Which of the caller's environment travels with a job. Everything does, but for what belongs to one machine, one terminal or
 * one login: on another machine these name a socket, a screen or a process that is not there, or worse, somebody else's.
 */

/** What stays at home; a name that ends in `*` stands for all that begin so. */
export const staysHome: readonly { readonly name: string; readonly because: string }[] = [
  { name: 'DISPLAY', because: 'the screen of this machine' },
  { name: 'WAYLAND_*', because: 'the screen of this machine' },
  { name: 'XAUTHORITY', because: 'the key to the screen of this machine' },
  { name: 'WINDOWID', because: 'a window on the screen of this machine' },
  { name: 'DESKTOP_STARTUP_ID', because: 'a window being opened on this machine' },
  { name: 'XDG_SESSION_*', because: 'this login' },
  { name: 'XDG_SEAT*', because: 'the seat at this machine' },
  { name: 'XDG_VTNR', because: 'the virtual terminal of this login' },
  { name: 'SESSION_MANAGER', because: 'a socket of this login' },
  { name: 'DBUS_*', because: 'a socket of this login' },
  { name: 'SSH_*', because: 'the agent and the connection of this login' },
  { name: 'GPG_AGENT_INFO', because: 'the agent of this login' },
  { name: 'GPG_TTY', because: 'a terminal of this machine' },
  { name: 'PULSE_*', because: 'the sound server of this machine' },
  { name: 'PIPEWIRE_*', because: 'the sound server of this machine' },
  { name: 'STY', because: 'a screen(1) session of this machine' },
  { name: 'WINDOW', because: 'a window of screen(1)' },
  { name: 'TMUX', because: 'a tmux server of this machine' },
  { name: 'TMUX_*', because: 'a tmux server of this machine' },
  { name: 'VTE_VERSION', because: 'the terminal emulator' },
  { name: 'KITTY_*', because: 'the terminal emulator, with its process id' },
  { name: 'WEZTERM_*', because: 'the terminal emulator, with its socket' },
  { name: 'ALACRITTY_*', because: 'the terminal emulator, with its socket' },
  { name: 'KONSOLE_*', because: 'the terminal emulator' },
  { name: 'GNOME_TERMINAL_*', because: 'the terminal emulator' },
  { name: 'VSCODE_IPC_*', because: 'a socket of an editor on this machine' },
  { name: 'VSCODE_GIT_*', because: 'a socket of an editor on this machine' },
  { name: 'NOTIFY_SOCKET', because: 'a socket of systemd for one service' },
  { name: 'LISTEN_PID', because: 'a process of this machine' },
  { name: 'LISTEN_FDS', because: 'descriptors that only the caller has' },
  { name: 'LISTEN_FDNAMES', because: 'descriptors that only the caller has' },
  { name: 'JOURNAL_STREAM', because: 'descriptors that only the caller has' },
  { name: 'INVOCATION_ID', because: 'one service of this machine' },
  { name: 'MAINPID', because: 'a process of this machine' },
  { name: 'BUILDSWARM_SOCKET', because: 'the peer of this machine; a job talks to the peer where it runs' },
  { name: 'BUILDSWARM_SLOTS', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_LISTEN', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_PEERS', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_MDNS', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_NODE', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_CACHE', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_CACHE_GB', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_BACKGROUND', because: 'a setting of the peer of this machine' },
  { name: 'BUILDSWARM_TRACE', because: 'a file in which a worker of this machine traces a compiler' },
  { name: 'BUILDSWARM_NAME', because: 'a setting of the peer of this machine' },
];
// HOSTNAME, PWD, XDG_RUNTIME_DIR (of the same user there), TERM, COLUMNS, HOME, USER, LD_LIBRARY_PATH and all else travel: what a command prints or writes should not
// depend on where it ran.

const wholeNames = new Set(staysHome.filter(({ name }) => !name.endsWith('*')).map(({ name }) => name));
const beginnings = staysHome.filter(({ name }) => name.endsWith('*')).map(({ name }) => name.slice(0, -1));

/** Variables in which make tells its children of its job server, a pipe that exists on this machine only. */
const makeVariables = new Set(['MAKEFLAGS', 'MFLAGS', 'CARGO_MAKEFLAGS', 'GNUMAKEFLAGS']);
const jobServer = /^(?:--jobserver-(?:auth|fds|style)=.*|--jobs(?:=\d*)?|-j\d*)$/;

/**
 * The entries that travel, in their order, untouched but for the job server in make's variables.
 *
 * @param entries - the caller's environment as it stands, `NAME=value`; entries without `=` travel too.
 */
export function travellingEnvironment(entries: readonly string[]): string[] {
  const kept: string[] = [];
  for (const entry of entries) {
    const equals = entry.indexOf('=');
    const name = equals < 0 ? entry : entry.slice(0, equals);
    if (equals >= 0 && (wholeNames.has(name) || beginnings.some((start) => name.startsWith(start)))) continue;
    if (equals >= 0 && makeVariables.has(name))
      kept.push(`${name}=${withoutJobServer(entry.slice(equals + 1))}`);
    else kept.push(entry);
  }
  return kept;
}

/**
 * The same entries, and how wide the terminal is. gcc, whose messages go to a terminal at stderr, asks the one at its
 * stdin how wide it is; on a worker there is none to ask.
 *
 * @param columns - 0 if there is no terminal at stdin.
 */
export function withTerminalWidth(entries: readonly string[], columns: number): readonly string[] {
  const isKnown = columns === 0 || entries.some((entry) => entry.startsWith('COLUMNS='));
  return isKnown ? entries : [...entries, `COLUMNS=${columns}`];
}

/** Takes the job server out of make's flags; what follows ` -- ` are variables of the user. */
function withoutJobServer(flags: string): string {
  const end = flags.search(/(?:^| )-- /);
  const options = end < 0 ? flags : flags.slice(0, end);
  const words = options.split(' ');
  if (!words.some((word) => jobServer.test(word))) return flags;
  return words.filter((word) => !jobServer.test(word)).join(' ') + (end < 0 ? '' : flags.slice(end));
}

/** Variables by name; of a name that stands twice, getenv takes the first. */
export function variablesOf(entries: readonly string[]): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of entries) {
    const at = entry.indexOf('=', 1);
    if (at > 0 && !found.has(entry.slice(0, at))) found.set(entry.slice(0, at), entry.slice(at + 1));
  }
  return found;
}
