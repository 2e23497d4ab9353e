import { lutimesSync } from "node:fs";
import { dirname, join } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { writeAll } from "../../base/files/files.ts";
import { copyFile } from "../../base/files/place_file.ts";
import { diskError, isUnsupported } from "../../base/files/system_error.ts";
import type { Digest } from "../../oci/digest.ts";
import { digestOf } from "../../oci/hash.ts";
import { digestsOfFiles } from "../../store/blobs/file_digests.ts";
import { inputChanged, type InputNode } from "./inputs.ts";
import type { KeyInput } from "../key/key.ts";

/** 1 MiB from which on a file is copied by the system, which can share its blocks and keep its holes. */
const LARGE_FILE = 1024 * 1024;

/** Mode of the folders that are no inputs themselves. */
const FOLDER_MODE = 0o755;

/** Files that are copied between two checks for an interrupt. */
const COPIES_PER_YIELD = 200;

/**
 * The time of everything in the inputs, in seconds since the epoch: 1980-01-01, which is the earliest that ZIP archives
 * can hold. Times are no part of the key, so the command must not see those of a checkout.
 */
export const SOURCE_DATE_EPOCH = 315_532_800;

/**
 * Copies the inputs to the folder of the command, and hashes the copies: what is built is what was hashed, whatever
 * happens to the originals later.
 *
 * @param key the inputs as the key lists them, in the order of the nodes
 * @throws LarderError LDR_INPUT_CHANGED if a copy is not what the key says; LDR_DISK*, LDR_INTERRUPTED
 */
export async function copyInputs(
  nodes: readonly InputNode[],
  key: readonly KeyInput[],
  folder: string,
  signal?: AbortSignal,
): Promise<void> {
  for (const [i, node] of nodes.entries()) {
    if (i % COPIES_PER_YIELD === 0) await sleep(0, signal);
    const to = join(folder, node.path);
    try {
      await copyNode(node, key[i]!, to, signal);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) throw inputChanged(node.hostPath);
      throw diskError(error, "copy the input to", to);
    }
  }
  // Children before their folder, whose time they would change, and which may not be writable.
  const folders = [...folderModes(nodes)].sort(([a], [b]) => b.length - a.length);
  for (const [path, mode] of [...folders, ["", FOLDER_MODE] as const]) {
    const to = join(folder, path);
    if (Deno.build.os !== "windows") Deno.chmodSync(to, mode);
    setTime(to);
  }
}

/** Returns the mode of each folder, also of those that are above an input: `a` of the input `a/b`. */
function folderModes(nodes: readonly InputNode[]): Map<string, number> {
  const modes = new Map<string, number>();
  for (const { path, type, mode } of nodes) {
    if (type === "folder") modes.set(path, mode);
    for (let parent = dirname(path); parent !== "." && !modes.has(parent);) {
      modes.set(parent, FOLDER_MODE);
      parent = dirname(parent);
    }
  }
  return modes;
}

async function copyNode(
  node: InputNode,
  key: KeyInput,
  to: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { type, hostPath, mode, target } = node;
  if (type === "folder") {
    Deno.mkdirSync(to, { recursive: true, mode: 0o700 });
  } else if (type === "link") {
    makeParent(to, (path) => Deno.symlinkSync(target, path));
    setLinkTime(to);
  } else {
    const digest = node.size < LARGE_FILE
      ? copySmall(hostPath, to)
      : await copyLarge(hostPath, to, signal);
    if (key.type !== "file" || digest !== key.digest || Deno.statSync(to).size !== key.size) {
      throw inputChanged(hostPath);
    }
    if (Deno.build.os !== "windows") Deno.chmodSync(to, mode);
    setTime(to);
  }
}

/** Copies a file through memory, where it is hashed: half as many reads as a copy that is hashed afterwards. */
function copySmall(from: string, to: string): Digest {
  const bytes = Deno.readFileSync(from);
  makeParent(to, (path) => {
    using file = Deno.openSync(path, { write: true, createNew: true, mode: 0o600 });
    writeAll(file, bytes);
  });
  return digestOf(bytes);
}

/** Copies a file of any size; Ctrl-C ends the copy and the hashing of an image of gigabytes. */
async function copyLarge(
  from: string,
  to: string,
  signal: AbortSignal | undefined,
): Promise<Digest | undefined> {
  Deno.mkdirSync(dirname(to), { recursive: true, mode: FOLDER_MODE });
  await copyFile(from, to, signal);
  if (Deno.build.os !== "windows") Deno.chmodSync(to, 0o600);
  const { size } = Deno.statSync(to);
  const [digest] = await digestsOfFiles([{ path: to, size, algorithm: "sha256" }], { signal });
  return digest;
}

/** Makes a file, and its folder if that is none of the inputs: that of the input `a/b` is not. */
function makeParent(path: string, make: (path: string) => void): void {
  try {
    make(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    Deno.mkdirSync(dirname(path), { recursive: true, mode: FOLDER_MODE });
    make(path);
  }
}

function setTime(path: string): void {
  Deno.utimeSync(path, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
}

function setLinkTime(path: string): void {
  try {
    lutimesSync(path, SOURCE_DATE_EPOCH, SOURCE_DATE_EPOCH);
  } catch (error) {
    if (!isUnsupported(error)) throw error;
  }
}
