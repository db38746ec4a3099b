/**
 * Lexical path arithmetic on byte strings. Nothing here looks at a file system: `..` is taken off by name, so a path that
 * goes out through a symbolic link is not seen here; whoever opens it checks the real path.
 */

/** The directory prefixes that hold the system's own files; what lies there is compared by fingerprint, not by view. */
const systemPrefixes = [
  '/usr',
  '/lib',
  '/lib32',
  '/lib64',
  '/libx32',
  '/opt',
  '/bin',
  '/sbin',
  '/etc/alternatives',
];

/**
 * The absolute form of `path` as seen from `cwd`: no `.`, no `..`, no empty component, no slash at its end.
 *
 * @param cwd - absolute; only used if `path` is relative.
 */
export function resolvePath(cwd: string, path: string): string {
  const whole = path.startsWith('/') ? path : `${cwd}/${path}`;
  if (!/\/(?:\.{0,2})(?:\/|$)/.test(whole)) return whole;
  const parts: string[] = [];
  for (const part of whole.split('/')) {
    if (part === '' || part === '.') continue;
    if (part === '..') parts.pop();
    else parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** In bytes, as Linux has them. */
const maxNameBytes = 255;
const maxPathBytes = 4_095;

/** Whether a file may have this path. Whoever opens another one is told that it is too long. */
export function mayBePath(path: string): boolean {
  return path.length <= maxNameBytes || (path.length <= maxPathBytes && !/[^/]{256}/.test(path));
}

/** True if `path` is `dir` or lies below it; both absolute and resolved. */
export function isBelow(dir: string, path: string): boolean {
  if (dir === '/') return path.startsWith('/');
  return path.startsWith(dir) && (path.length === dir.length || path[dir.length] === '/');
}

/**
 * The directories on the way to `path`, outermost first, from `below` itself down to the parent of `path`.
 * Empty if `path` is not below `below`, or is `below`. Both absolute and resolved.
 */
export function ancestors(path: string, below: string): string[] {
  if (path === below || !isBelow(below, path)) return [];
  const found = [below];
  let slash = path.indexOf('/', below === '/' ? 1 : below.length + 1);
  for (; slash > 0; slash = path.indexOf('/', slash + 1)) found.push(path.slice(0, slash));
  return found;
}

/** True if the absolute, resolved path belongs to the system: equal by fingerprint on the machines, not shared. */
export function isSystemPath(path: string): boolean {
  return systemPrefixes.some((prefix) => isBelow(prefix, path));
}

/** The directory of an absolute, resolved path; of `/`, itself. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash <= 0 ? '/' : path.slice(0, slash);
}

/** The path of a name in an absolute, resolved directory. */
export function joinPath(directory: string, name: string): string {
  return directory === '/' ? `/${name}` : `${directory}/${name}`;
}

/** The directory part of a path as it stands, with its slash: `a/b/` of `a/b/c`, empty if there is none. */
export function directoryPart(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

/** What follows the last slash. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * The path without the suffix of its last component, as compilers do it: `d/a.b` of `d/a.b.o`, `d/x` of `d/x`,
 * and `d/` of `d/.x`.
 */
export function withoutSuffix(path: string): string {
  const dot = path.lastIndexOf('.');
  return dot > path.lastIndexOf('/') ? path.slice(0, dot) : path;
}
