import { join, relative, sep } from "node:path";
import process from "node:process";
import * as v from "valibot";
import { hasCode, LarderError } from "../../base/errors.ts";
import {
  diskError,
  ensureFolder,
  FILE_MODE,
  isNotFound,
  readFolder,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  writeAll,
} from "../../base/files.ts";
import { DigestSchema } from "../../oci/descriptor.ts";
import type { Digest } from "../../oci/digest.ts";
import { parseJson, TimeSchema } from "../json.ts";
import type { Layout } from "../layout.ts";
import { lockShared, tryLockFile } from "./file_lock.ts";
import { withSharedLock } from "./store_lock.ts";

/** Where locks cannot tell whether a lease is in use, it counts for so long even if its process is not found. */
const LEASE_GRACE = 24 * 60 * 60_000;

/** What a process needs of the cache for as long as it runs; see {@link LeaseContent}. */
export type LeaseRequest = Partial<Pick<LeaseContent, "folders" | "digests">>;

export interface LeaseOptions {
  /** Called once if a sweep is under way and has to be waited for. */
  readonly waiting?: () => void;
  /** Told that nothing can be written down: the process goes on, without protection. */
  readonly warn?: (message: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const LEASE = /^([1-9][0-9]*)-[0-9a-f-]+\.json$/;
const UNFINISHED = /^([1-9][0-9]*)-[0-9a-f-]+\.new$/;

/**
 * What a running process uses, kept from every collector until it is released or the process ends, however it
 * dies.
 *
 * How that holds: a lease is a file that its process keeps open with a shared lock, and a collector takes for
 * stale only what it can lock for itself. The file is written and locked under a name that collectors do not
 * read, gets its own name by a rename, and never changes after that: `add` writes one more. So a collector sees
 * a lease whole and locked, or not at all. It is written under the store's shared lock, and plans are made under
 * the exclusive one, so no plan that is being carried out can have missed it.
 *
 * The lock is a shared one because Windows lets nobody read a file that is locked exclusively.
 */
export class Lease implements Disposable {
  readonly #layout: Layout;
  readonly #command: string;
  readonly #startedAt = new Date().toISOString();
  readonly #held: { readonly file: Deno.FsFile; readonly path: string }[] = [];

  /** @param command what runs, in words for a user */
  constructor(layout: Layout, command: string) {
    this.#layout = layout;
    this.#command = command;
  }

  /**
   * Takes more into use. Look afterwards whether it is still all there: a sweep may have ended just before.
   *
   * Where nothing can be written this warns and goes on: who can only read the cache, or has a full disk, can still
   * run what is there.
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
      options.warn?.(`a cleaning larder may remove what is in use here: ${error.message}`);
    }
  }

  /** Gives everything up. The files may be gone already, with the cache. */
  release(): void {
    for (const { file, path } of this.#held.splice(0)) {
      tidy(path);
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
        lockShared(file);
        Deno.renameSync(`${name}.new`, `${name}.json`);
        this.#held.push({ file, path: `${name}.json` });
        return;
      } catch (error) {
        file.close();
        // The cache was deleted, or a collector took the file for rubbish: once more.
        if (error instanceof Deno.errors.NotFound) continue;
        tidy(`${name}.new`);
        throw diskError(error, "write", `${name}.json`);
      }
    }
  }
}

/** A {@link Lease} of what a process uses; errors and options as of {@link Lease.add}. */
export async function takeLease(
  layout: Layout,
  command: string,
  use: LeaseRequest,
  options: LeaseOptions = {},
): Promise<Lease> {
  const lease = new Lease(layout, command);
  await lease.add(use, options);
  return lease;
}

/**
 * What running processes use; the leases of processes that are gone are removed, unless `readOnly`. A
 * collector calls this under the store's exclusive lock.
 *
 * Where there are no locks (some network file systems, older runtimes) a lease counts while a process with its
 * id lives on this machine, and in any case for {@link LEASE_GRACE}, since the process may be another machine's.
 *
 * @throws LarderError LDR_BUSY if a live lease cannot be read, as one of a later larder: nobody knows then what
 * has to stay; LDR_DISK*
 */
export function liveLeases(
  layout: Layout,
  now = Date.now(),
  options: { readOnly?: boolean } = {},
): LeaseContent[] {
  const leases: LeaseContent[] = [];
  for (const { name, isFile } of readFolder(layout.leases)) {
    const pid = (LEASE.exec(name) ?? UNFINISHED.exec(name))?.[1];
    if (!isFile || pid === undefined) continue;
    const path = join(layout.leases, name);
    if (!isHeld(path, Number(pid), now, options.readOnly ?? false)) {
      if (!options.readOnly) tidy(path);
    } else if (LEASE.test(name)) {
      const lease = readLease(layout, path);
      if (lease) leases.push(lease);
    }
  }
  return leases;
}

/** The content of a live lease; undefined if it was released meanwhile. */
function readLease(layout: Layout, path: string): LeaseContent | undefined {
  const text = readTextIfAny(path);
  if (text === undefined) return undefined;
  const lease = parseLease(layout, text);
  if (lease) return lease;
  throw new LarderError("LDR_BUSY", `what a running process uses is not to be read in ${path}`, {
    hint: "it may be a later larder's: end it, or clean up with that larder",
  });
}

/** Whether the process that wrote a lease still has it. */
function isHeld(path: string, pid: number, now: number, readOnly: boolean): boolean {
  const file = openIfAny(path, readOnly);
  if (!file) return false;
  try {
    const attempt = tryLockFile(file, true);
    if (attempt !== "unknown") return attempt === "busy";
    const made = statIfAny(path)?.mtime?.getTime() ?? now;
    return now - made < LEASE_GRACE || isAlive(pid);
  } catch (error) {
    if (readOnly) return true; // Such as NFS, where only who may write can tell.
    throw diskError(error, "lock", path);
  } finally {
    file.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as { code?: string }).code !== "ESRCH";
  }
}

function openIfAny(path: string, readOnly: boolean): Deno.FsFile | undefined {
  try {
    // NFS gives an exclusive lock only to who may write.
    return Deno.openSync(path, { read: true, write: !readOnly });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw diskError(error, "open", path);
  }
}

/** Creates a file; undefined if its folder was deleted in between. */
function openNew(path: string): Deno.FsFile | undefined {
  try {
    return Deno.openSync(path, { read: true, write: true, createNew: true, mode: FILE_MODE });
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw diskError(error, "write", path);
  }
}

/** Removes a file that nobody needs; where that fails, a later collector tries again. */
function tidy(path: string): void {
  try {
    removeIfAny(path);
  } catch {
    // It is only a little rubbish, and its lock is gone with its process.
  }
}

/** What a lease says: who uses what. */
export interface LeaseContent {
  readonly pid: number;
  /** What runs, in words for a user. */
  readonly command: string;
  /** RFC 3339. */
  readonly startedAt: string;
  /** Folders of entries, absolute: they stay, with all that they reach. */
  readonly folders: readonly string[];
  /** Blobs that stay, even if no entry reaches them any more because a tag has moved. */
  readonly digests: readonly Digest[];
}

/** The trees of the cache that have entries. */
const TREES = ["manifests", "packages", "builds", "images", "compiled"];

const LeaseSchema = v.object({
  schemaVersion: v.literal(1),
  pid: v.pipe(v.number(), v.safeInteger(), v.minValue(1)),
  command: v.string(),
  startedAt: TimeSchema,
  /** Relative to the root, with `/` between their parts. */
  folders: v.array(v.pipe(v.string(), v.check(isEntryFolder, "not a folder of an entry"))),
  digests: v.array(DigestSchema),
});

/** Reads a lease; undefined for anything that is not exactly one. */
export function parseLease(layout: Layout, text: string): LeaseContent | undefined {
  const lease = parseJson(LeaseSchema, text);
  if (!lease) return undefined;
  const { schemaVersion: _, folders, ...rest } = lease;
  return { ...rest, folders: folders.map((folder) => join(layout.root, ...folder.split("/"))) };
}

export function formatLease(layout: Layout, { folders, ...rest }: LeaseContent): string {
  const relatives = folders.map((folder) => relativeFolder(layout, folder));
  return JSON.stringify({ schemaVersion: 1, ...rest, folders: relatives }, null, 2) + "\n";
}

function relativeFolder(layout: Layout, folder: string): string {
  const text = relative(layout.root, folder).split(sep).join("/");
  if (!isEntryFolder(text)) throw new Error(`${folder} is not the folder of an entry`);
  return text;
}

/** A lease is no way to name anything else, inside the cache or out of it. */
function isEntryFolder(text: string): boolean {
  const [tree, ...rest] = text.split("/");
  return TREES.includes(tree!) && rest.length > 0 &&
    rest.every((part) => part !== "" && part !== "." && part !== ".." && !/[\\\0]/.test(part));
}
