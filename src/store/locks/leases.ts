import { join } from "node:path";
import process from "node:process";
import { hasCode } from "../../base/errors.ts";
import {
  ensureFolder,
  FILE_MODE,
  readFolder,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  writeAll,
} from "../../base/files/files.ts";
import { openIfAny } from "../../base/files/open_file.ts";
import { diskError, isUnsupported } from "../../base/files/system_error.ts";
import { CLOCK_SKEW } from "../../base/limits.ts";
import { DAY } from "../../base/units.ts";
import type { Layout } from "../layout.ts";
import { tryLockFile } from "./file_lock.ts";
import { formatLease, type LeaseContent, parseLease } from "./lease_format.ts";
import { withSharedLock } from "./store_lock.ts";

/** 24 hours for which a lease counts on a file system without locks, even if its process is not found. */
const LEASE_GRACE = DAY;

/** The entries and content to lease; see {@link LeaseContent}. */
export type LeaseRequest = Partial<Pick<LeaseContent, "folders" | "digests">>;

export interface LeaseOptions {
  /** Called once if a running sweep has to be waited for, with the process that runs it. */
  readonly waiting?: (holders: string) => void;
  /** Called with a warning if the lease cannot be written; the process continues without it. */
  readonly warn?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const LEASE = /^([1-9][0-9]*)-[0-9a-f-]+\.json$/;
const NEW_LEASE = /^([1-9][0-9]*)-[0-9a-f-]+\.new$/;

/**
 * Keeps what a running process uses from every collector, until it is released or the process ends, however it ends.
 *
 * - A lease is a file that its process keeps open with a shared lock. A collector regards it as stale only if it can
 *   lock the file exclusively.
 * - The file is written and locked under a temporary name, then renamed and never changed: `add` writes another file.
 *   So a collector sees a lease that is complete and locked, or none.
 * - It is written under the shared store lock, and plans are applied under the exclusive one, so no plan that is being
 *   applied can have missed it.
 *
 * The lock is shared because Windows does not let any process read a file that is locked exclusively.
 */
export class Lease implements Disposable {
  readonly #layout: Layout;
  readonly #command: string;
  readonly #startedAt = new Date().toISOString();
  #hasWarned = false;
  readonly #held: { readonly file: Deno.FsFile; readonly path: string }[] = [];

  /** @param command the command that runs, as shown to a user */
  constructor(layout: Layout, command: string) {
    this.#layout = layout;
    this.#command = command;
  }

  /**
   * Leases more entries and content. The caller must check afterwards that all of it still exists, because a sweep may
   * have removed it just before.
   *
   * If the lease cannot be written, this warns once and returns, so that a read-only cache or a full disk prevents no run.
   *
   * @throws LarderError LDR_BUSY, LDR_INTERRUPTED
   */
  async add(
    { folders = [], digests = [] }: LeaseRequest,
    options: LeaseOptions = {},
  ): Promise<void> {
    const text = formatLease(this.#layout, {
      pid: Deno.pid,
      command: this.#command,
      startedAt: this.#startedAt,
      folders,
      digests: [...new Set(digests)],
    });
    try {
      await withSharedLock(this.#layout, () => Promise.resolve(this.#write(text)), options);
    } catch (error) {
      const codes = ["LDR_DISK", "LDR_DISK_FULL", "LDR_READ_ONLY", "LDR_PERMISSION"] as const;
      if (!hasCode(error, ...codes)) throw error;
      if (this.#hasWarned) return;
      this.#hasWarned = true;
      options.warn?.(`a concurrent gc may remove what is in use here: ${error.message}`);
    }
  }

  /** Releases everything. The files may already have been deleted with the cache. */
  release(): void {
    for (const { file, path } of this.#held.splice(0)) {
      tryRemove(path);
      file.close();
    }
  }

  [Symbol.dispose](): void {
    this.release();
  }

  #write(text: string): void {
    for (;;) {
      const name = join(this.#layout.leases, `${Deno.pid}-${crypto.randomUUID()}`);
      ensureFolder(this.#layout.leases);
      const file = openNew(`${name}.new`);
      if (!file) continue;
      try {
        writeAll(file, new TextEncoder().encode(text));
        if (!lockNew(file)) {
          // A collector is testing whether the file is locked: leave this one to it.
          file.close();
          continue;
        }
        Deno.renameSync(`${name}.new`, `${name}.json`);
        this.#held.push({ file, path: `${name}.json` });
        return;
      } catch (error) {
        file.close();
        // The cache was deleted, or a collector removed the file as a stray one: try again.
        if (error instanceof Deno.errors.NotFound) continue;
        tryRemove(`${name}.new`);
        throw diskError(error, "write", `${name}.json`);
      }
    }
  }
}

/**
 * Returns the leases of running processes. Removes those of ended processes, unless `readOnly`. A collector calls this
 * under the exclusive store lock.
 *
 * Without locks (some network file systems, older runtimes) a lease counts while a process with its id runs on this
 * machine, and in any case for {@link LEASE_GRACE}, because the process may run on another machine.
 *
 * A live lease that cannot be read, because a newer larder or another user wrote it, is returned with its problem.
 */
export function liveLeases(
  layout: Layout,
  now = Date.now(),
  options: { readOnly?: boolean } = {},
): LeaseContent[] {
  const leases: LeaseContent[] = [];
  const readOnly = options.readOnly ?? false;
  const files = orProblem(() => readFolder(layout.leases));
  if ("problem" in files) return [unreadLease(layout.leases, files.problem)];
  for (const { name, isFile } of files.value) {
    const pid = Number((LEASE.exec(name) ?? NEW_LEASE.exec(name))?.[1]);
    if (!isFile || Number.isNaN(pid)) continue;
    const path = join(layout.leases, name);
    if (!isHeld(path, pid, now, readOnly)) {
      if (!readOnly) tryRemove(path);
    } else if (LEASE.test(name)) {
      const lease = readLease(layout, path, pid);
      if (lease) leases.push(lease);
    }
  }
  return leases;
}

/** Reads a live lease; returns undefined if it was released meanwhile. */
function readLease(layout: Layout, path: string, pid: number): LeaseContent | undefined {
  const read = orProblem(() => readTextIfAny(path));
  if ("problem" in read) return unreadLease(path, read.problem, pid);
  if (read.value === undefined) return undefined;
  return parseLease(layout, read.value) ??
    unreadLease(path, `${path} is damaged, or a newer larder wrote it`, pid);
}

function unreadLease(path: string, reason: string, pid = 0): LeaseContent {
  const process = pid === 0 ? "running processes use" : `process ${pid} uses`;
  const problem = { path, text: `cannot tell what ${process}: ${reason}` };
  return { pid, command: "larder", startedAt: "", folders: [], digests: [], problem };
}

/** Returns what `read` returns, or why the system refuses to read. */
function orProblem<T>(read: () => T): { readonly value: T } | { readonly problem: string } {
  try {
    return { value: read() };
  } catch (error) {
    if (!hasCode(error, "LDR_PERMISSION", "LDR_DISK")) throw error;
    return { problem: error.message };
  }
}

/** True if the process that wrote a lease still holds it. */
function isHeld(path: string, pid: number, now: number, readOnly: boolean): boolean {
  // NFS needs write access for an exclusive lock.
  const opened = orProblem(() => openIfAny(path, { read: true, write: !readOnly }));
  if ("problem" in opened) return isRecent(path, now) || isAlive(pid);
  const file = opened.value;
  if (!file) return false;
  try {
    const result = tryLockFile(file, true);
    return result === "unknown" ? isRecent(path, now) || isAlive(pid) : result === "busy";
  } catch (error) {
    if (readOnly) return true; // On NFS, only a file opened for writing can be locked exclusively.
    throw diskError(error, "lock", path);
  } finally {
    file.close();
  }
}

/** A file from the future counts by the time at which its inode changed, so that it is not recent for ever. */
function isRecent(path: string, now: number): boolean {
  const read = orProblem(() => statIfAny(path));
  const { mtime, ctime }: Partial<Deno.FileInfo> = "value" in read ? read.value ?? {} : {};
  const times = [mtime, ctime].flatMap((time) => time?.getTime() ?? []);
  const created = times.find((time) => time <= now + CLOCK_SKEW) ?? now;
  return now - created < LEASE_GRACE;
}

/** True if a process with this id runs on this machine. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

/** Takes the shared lock of a new file. Returns false if a collector holds it; true also if there are no locks. */
function lockNew(file: Deno.FsFile): boolean {
  if (typeof file.tryLockSync === "function") return tryLockFile(file, false) !== "busy";
  try {
    file.lockSync(false); // Older runtimes cannot try a lock.
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
  return true;
}

/** Creates a file; returns undefined if its folder was deleted meanwhile. */
function openNew(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true, write: true, createNew: true, mode: FILE_MODE });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "write", path);
  }
}

/** Removes a file that is no longer needed; if that fails, a later collector removes it. */
function tryRemove(path: string): void {
  try {
    removeIfAny(path);
  } catch {
    // The file is small, and its lock ends with its process.
  }
}
