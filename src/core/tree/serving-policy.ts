/** Which of a submitter's files are never shown to workers, and which directories a job of a directory may write below. */
import { isBelow, isSystemPath } from '../paths.ts';

/** Names that are never served, wherever they lie: they hold keys, passwords or sessions. */
const closedNames: readonly string[] = [
  '.aws',
  '.azure',
  '.cargo/credentials',
  '.cargo/credentials.toml',
  '.config/BraveSoftware',
  '.config/buildswarm',
  '.config/chromium',
  '.config/gcloud',
  '.config/gh',
  '.config/google-chrome',
  '.config/microsoft-edge',
  '.config/rclone',
  '.config/vivaldi',
  '.docker',
  '.git-credentials',
  '.gnupg',
  '.kube',
  '.librewolf',
  '.local/share/keyrings',
  '.mozilla',
  '.netrc',
  '.npmrc',
  '.password-store',
  '.pgpass',
  '.pypirc',
  '.ssh',
  '.thunderbird',
  '.vault-token',
];

/** Views of the kernel and of running programs, not files. */
const closedRoots: readonly string[] = ['/proc', '/sys', '/dev', '/run'];

/** All that is never served. */
export const neverServed: readonly string[] = [...closedNames, ...closedRoots];

/** What is known of a working directory. */
export interface WorkingPlace {
  /** Without a link on the way. */
  readonly realPath: string;
  /** The directories on the way to it, and itself, that belong to the user; outermost first. */
  readonly owned: readonly string[];
  /** The home directory's real path. */
  readonly home: string | undefined;
  /** Directories for temporary files, real paths. */
  readonly temporary: readonly string[];
  readonly isRoot: boolean;
  /** Root of the share in which it lies, where one was made. */
  readonly share?: string | undefined;
}

/**
 * The directories that a job may write below: the one with the user's own files, first, and those for temporary
 * files. None lies below another.
 *
 * @returns a sentence's end where there are none: the job works in the home directory itself, or among others' files.
 */
export function writableAreas(place: WorkingPlace): readonly string[] | string {
  const { realPath, temporary } = place;
  const closed = closedAround(realPath);
  if (closed !== undefined) return `what lies in ${closed} is never shown to workers`;
  if (place.share === undefined && (isSystemPath(realPath) || realPath === '/'))
    return 'it is a directory of the system';
  const around = temporary.find((directory) => isBelow(directory, realPath));
  if (around !== undefined) return [around, ...temporary.filter((directory) => directory !== around)];
  const top = place.share ?? topOf(place);
  if (typeof top !== 'string') return top.why;
  return [top, ...temporary.filter((directory) => !isBelow(top, directory))];
}

/** No worker has such a directory: one would be asked after the other, each for nothing. */
function closedAround(path: string): string | undefined {
  const root = closedRoots.find((each) => isBelow(each, path));
  return root ?? closedNames.find((name) => `${path}/`.includes(`/${name}/`));
}

function topOf({ realPath, owned, home, isRoot }: WorkingPlace): string | { readonly why: string } {
  if (realPath === home) return { why: 'it is the home directory itself, with all that lies in it' };
  // To root belong the directories of the system too: what lies in one of them is a project.
  const own = owned.filter(
    (directory) =>
      directory !== '/' && directory !== home && !(isRoot && isTopLevel(directory) && directory !== realPath),
  );
  const [top] = own;
  return top ?? { why: 'it belongs to another user' };
}

function isTopLevel(directory: string): boolean {
  return directory.lastIndexOf('/') === 0;
}
