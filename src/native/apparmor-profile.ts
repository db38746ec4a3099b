/**
 * What AppArmor is to know of the helpers where it keeps ordinary programs from using user namespaces (Ubuntu 23.10 and
 * later): as its own profiles for browsers, it takes nothing else from them and gives nothing else.
 */

/** The file for /etc/apparmor.d. @param folder - where the helpers lie. */
export function appArmorProfile(folder: string): string {
  return `# Jobs of buildswarm see the files of the machine that asks for them in user namespaces.
abi <abi/4.0>,
include <tunables/global>

profile buildswarm "${folder}/{swarmfs,swarmjob}" flags=(unconfined) {
  userns,

  include if exists <local/buildswarm>
}
`;
}
