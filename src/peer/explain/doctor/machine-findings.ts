/** What the doctor finds of this machine, as its peer sees it. */
import { availableParallelism } from 'node:os';
import { cgroupCpuLimit } from '../../../machine/cgroup.ts';
import { freeBytes, inotifyWatches, readProcessLimits } from '../../../machine/limits.ts';
import type { Finding } from '../../../wire/cli-messages.ts';
import { fault, remark, well } from './finding.ts';

export interface MachineSight {
  readonly slots: number;
  readonly memoryFreeBytes: number;
  /** Where it must be able to write, by what for. */
  readonly directories: ReadonlyMap<string, string>;
  /** Why jobs cannot run here in the files of others, with the cure; undefined if they can. */
  readonly servingObstacle: string | undefined;
  readonly cannotTrace: string | undefined;
  readonly warnings: readonly string[];
}

/** Its V8 has an optimizer that is quick itself, and so worth it for what does not run often, see docs/BENCHMARKS.md. */
const quickNode = 24;
const leastDescriptors = 1_024;
const leastProcesses = 512;
const leastWatches = 8_192;
const leastSpaceBytes = 64 * 2 ** 20;
const leastMemoryBytes = 256 * 2 ** 20;

export async function machineFindings(sight: MachineSight): Promise<Finding[]> {
  const [limits, watches, ...space] = await Promise.all([
    readProcessLimits(),
    inotifyWatches(),
    ...[...sight.directories].map(async ([what, directory]) =>
      spaceFinding(what, directory, await freeBytes(directory)),
    ),
  ]);
  return [
    nodeFinding(process.versions.node),
    limitFinding('open files', limits.descriptors, leastDescriptors, limits.openDescriptors),
    limitFinding('processes', limits.processes, leastProcesses),
    watchFinding(watches),
    quotaFinding(cgroupCpuLimit(), sight.slots),
    memoryFinding(sight.memoryFreeBytes),
    ...space,
    sight.servingObstacle === undefined
      ? well('namespaces', 'this machine can run jobs in the files of others (/dev/fuse, user namespaces)')
      : fault('namespaces', "jobs in other machines' files cannot run here", sight.servingObstacle),
    ...(sight.cannotTrace === undefined
      ? []
      : [
          fault(
            'tracing',
            `this machine compiles and links nothing for others: ${sight.cannotTrace}`,
            'install gcc or clang and run `npm run build`',
          ),
        ]),
    ...sight.warnings.map((warning) => remark('peer says', warning)),
  ];
}

/** @param version - as `20.19.1` */
export function nodeFinding(version: string): Finding {
  if (Number.parseInt(version, 10) >= quickNode) return well('Node', `the peer runs on Node ${version}`);
  return remark(
    'Node',
    `the peer runs on Node ${version}: on Node ${quickNode} it needs about a quarter less CPU for a job`,
    `set BUILDSWARM_NODE to the path of a node ${quickNode} or later, and start the peer again`,
  );
}

function limitFinding(check: string, limit: number | undefined, least: number, used?: number): Finding {
  if (limit === undefined) return remark(check, 'the limit is not known');
  const room = used === undefined ? '' : `, ${used} used`;
  const text = limit === Number.POSITIVE_INFINITY ? 'no limit' : `at most ${limit}${room}`;
  const isNearlyUsedUp = used !== undefined && used > 0.8 * limit;
  return limit < least || isNearlyUsedUp
    ? fault(
        check,
        text,
        `raise the limit before the peer is started: ulimit -${check === 'processes' ? 'u' : 'n'} ${least * 8}`,
      )
    : well(check, text);
}

function watchFinding(watches: number | undefined): Finding {
  if (watches === undefined) return remark('inotify', 'the number of watches is not known');
  return watches < leastWatches
    ? fault(
        'inotify',
        `a user may watch ${watches} files only`,
        'as root: sysctl -w fs.inotify.max_user_watches=524288',
      )
    : well('inotify', `${watches} watches`);
}

function quotaFinding(quota: number | undefined, slots: number): Finding {
  const cores = availableParallelism();
  if (quota === undefined || quota >= cores) return well('CPU', `${cores} cores, ${slots} slots`);
  return remark(
    'CPU quota',
    `its control group leaves ${Math.round(quota * 100) / 100} of ${cores} cores: ${slots} slots`,
    'give the container or service more CPU, where it should build more',
  );
}

function memoryFinding(bytes: number): Finding {
  const text = `${mebibytes(bytes)} free`;
  return bytes < leastMemoryBytes
    ? fault('memory', text, 'end something, or give this machine fewer slots with --slots')
    : well('memory', text);
}

function spaceFinding(what: string, directory: string, bytes: number | undefined): Finding {
  const check = `space for ${what}`;
  if (bytes === undefined)
    return fault(
      check,
      `${directory} cannot be asked`,
      'look whether it is there and its file server answers',
    );
  const text = `${mebibytes(bytes)} free in ${directory}`;
  return bytes < leastSpaceBytes ? fault(check, text, 'make room there') : well(check, text);
}

function mebibytes(bytes: number): string {
  return bytes >= 10 * 2 ** 30 ? `${Math.round(bytes / 2 ** 30)} GiB` : `${Math.round(bytes / 2 ** 20)} MiB`;
}
