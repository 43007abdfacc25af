import { lchownSync } from 'node:fs';
import { NetmuxError } from '../../errors.js';
import { findGroup, findUser } from '../../mux/process-calls.js';
import type { Belonging } from './belonging.js';
import { enterRoot } from './chroot.js';

const USER = /^[\w.-]+$/;
const GROUPS = /^[\w.-]+([ ,][\w.-]+)*$/;

/** The last number means "none". */
const MAX_ID = 2 ** 32 - 2;

/** Who the server is to be from `dropPrivileges` on. */
export interface Identity {
  readonly uid: number;
  /** The first of the groups. */
  readonly gid: number;
  /** All groups that were named, the first included. */
  readonly groups: readonly number[];
  readonly changesUser: boolean;
  readonly changesGroup: boolean;
  /** Lines for the log, at level 1: what was not given, and what follows from that. */
  readonly notices: readonly string[];
}

export interface PrivilegeDrop {
  readonly chroot?: string | undefined;
  /** Files to be given to the new user: sockets, `chown_files`. A symbolic link is given away itself, not what it points to. */
  readonly files: readonly string[];
  /** Log, pid file. */
  readonly belongings: readonly Belonging[];
  readonly log: (level: number, text: string) => void;
}

/**
 * Finds user and groups, by name or number; nothing is changed. Net::Server `post_bind`, first half.
 *
 * @param options `group`: one or several, separated by a blank or a comma
 * @throws NetmuxError `NETMUX_IDENTITY` for a name that nobody has
 */
export function resolveIdentity(options: { user?: string | undefined; group?: string | undefined }): Identity {
  const current = currentIds();
  const notices: string[] = [];
  let groups = [current.egid];
  if (options.group === undefined) {
    notices.push(`Group Not Defined.  Defaulting to EGID '${[current.egid, ...current.groups].join(' ')}'`);
  } else {
    groups = groupsNamed(options.group);
  }
  let uid = current.euid;
  if (options.user === undefined) {
    notices.push(`User Not Defined.  Defaulting to EUID '${current.euid}'`);
  } else {
    uid = userNamed(options.user);
  }
  const gid = groups[0]!;
  const changesUser = options.user !== undefined && (uid !== current.uid || uid !== current.euid);
  if (changesUser && options.group === undefined) {
    notices.push(`The option group is not given: the server stays in group ${gid} as user ${uid}`);
  }
  // Who becomes somebody else leaves all groups behind that were not asked for, whether or not any were.
  const groupsMatter = options.group !== undefined || changesUser;
  const changesGroup = groupsMatter && (gid !== current.gid || gid !== current.egid || !hasGroups(current, groups));
  return { uid, gid, groups, changesUser, changesGroup, notices };
}

/**
 * Gives files away, changes the root directory, the groups and the user, in this order, for good. Net::Server `post_bind`, second half.
 * @throws NetmuxError `NETMUX_IDENTITY`; some of it may have been done by then: the process must end
 */
export function dropPrivileges(identity: Identity, { chroot, files, belongings, log }: PrivilegeDrop): void {
  const { uid, gid, groups, changesUser, changesGroup } = identity;
  if (changesUser || changesGroup) {
    for (const file of files) attempt(`Couldn't chown "${file}"`, () => lchownSync(file, uid, gid));
    for (const belonging of belongings) attempt(`Couldn't chown ${belonging.name}`, () => belonging.chown(uid, gid));
  }
  if (chroot !== undefined) {
    log(2, `Chrooting to ${chroot}`);
    const root = enterRoot(chroot);
    for (const belonging of belongings) belonging.rootChanged(root);
  }
  if (changesGroup) {
    log(2, `Setting gid to "${[gid, ...groups].join(' ')}"`);
    attempt(`Couldn't become gid "${gid}"`, () => becomeGroups(gid, groups));
  }
  if (changesUser) {
    log(2, `Setting uid to "${uid}"`);
    attempt(`Couldn't become uid "${uid}"`, () => becomeUser(uid));
  }
}

function becomeGroups(gid: number, groups: readonly number[]): void {
  process.setgroups!(groups.filter((group) => group !== gid));
  process.setgid!(gid);
  if (process.getgid!() !== gid || process.getegid!() !== gid) throw new Error('it was changed without effect');
}

function becomeUser(uid: number): void {
  process.setuid!(uid);
  if (process.getuid!() !== uid || process.geteuid!() !== uid) throw new Error('it was changed without effect');
  if (uid !== 0 && canBecomeRoot()) throw new Error('the way back to root is still open');
}

function canBecomeRoot(): boolean {
  try {
    process.setuid!(0);
    return true;
  } catch {
    return false;
  }
}

function attempt(what: string, action: () => void): void {
  try {
    action();
  } catch (cause) {
    throw new NetmuxError('NETMUX_IDENTITY', `${what}: ${(cause as Error).message}`, { cause });
  }
}

interface Ids {
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly groups: readonly number[];
}

function currentIds(): Ids {
  return {
    uid: process.getuid!(),
    euid: process.geteuid!(),
    gid: process.getgid!(),
    egid: process.getegid!(),
    groups: process.getgroups!(),
  };
}

/** Only root can leave groups: for anybody else it is enough to be in those that were asked for. */
function hasGroups({ euid, egid, groups: held }: Ids, wanted: readonly number[]): boolean {
  if (!wanted.every((group) => group === egid || held.includes(group))) return false;
  return euid !== 0 || held.every((group) => wanted.includes(group));
}

function userNamed(user: string): number {
  if (!USER.test(user)) throw new NetmuxError('NETMUX_IDENTITY', `Invalid user "${user}"`);
  const uid = numberOf(user) ?? findUser(user)?.uid;
  if (uid === undefined || uid > MAX_ID) throw new NetmuxError('NETMUX_IDENTITY', `No such user "${user}"`);
  return uid;
}

function groupsNamed(list: string): number[] {
  if (!GROUPS.test(list)) throw new NetmuxError('NETMUX_IDENTITY', `Invalid group "${list}"`);
  return list.split(/[ ,]/).map((group) => {
    const gid = numberOf(group) ?? findGroup(group);
    if (gid === undefined || gid > MAX_ID) throw new NetmuxError('NETMUX_IDENTITY', `No such group "${group}"`);
    return gid;
  });
}

function numberOf(name: string): number | undefined {
  return /^\d+$/.test(name) ? Number(name) : undefined;
}
