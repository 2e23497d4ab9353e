import { basename, isAbsolute, join, relative, resolve, sep } from "node:path";
import { sleep } from "../../base/concurrency.ts";
import { LarderError } from "../../base/errors.ts";
import { isNotFound } from "../../base/files/files.ts";
import { diskError } from "../../base/files/system_error.ts";
import { digestsOfFiles } from "../../store/blobs/file_digests.ts";
import type { Digest } from "../../oci/digest.ts";
import type { KeyInput } from "../key/key.ts";
import type { BuildSpec } from "../spec.ts";

/** Files and folders that are read between two checks for an interrupt. */
const READS_PER_YIELD = 1000;

/** Permissions with the set-user-ID, set-group-ID and sticky bits: an image of a system has all of them. */
const MODE_BITS = 0o7777;

/** A file, folder or link of an input, as it was found. */
export interface InputNode {
  /** Path in the folder of the command, with `/` between the names. */
  readonly path: string;
  readonly hostPath: string;
  readonly type: KeyInput["type"];
  /** Permissions; those of a link do not count. */
  readonly mode: number;
  /** Bytes of a file. */
  readonly size: number;
  /** What a link points to. */
  readonly target: string;
}

/** Lists everything in the inputs of a spec, each folder before what is in it. */
export async function listInputs(
  spec: BuildSpec,
  signal?: AbortSignal,
): Promise<InputNode[]> {
  const nodes: InputNode[] = [];
  const places = placesOf(spec);
  for (const { place, hostPath, fault } of places) {
    const walk = new InputWalk(nodes, fault, signal);
    await walk.add(place, hostPath);
  }
  return nodes;
}

/** An input with its path in the folder of the command. */
interface PlacedInput {
  /** Empty for the whole folder. */
  readonly place: string;
  readonly hostPath: string;
  readonly fault: (reason: string, hint: string) => LarderError;
}

/**
 * Returns where each input is put. One below the folder of the spec keeps its path, any other only its last name: no
 * absolute path enters the key, so that a checkout elsewhere has the same key.
 *
 * @throws LarderError of `spec.fault` if two inputs have the same place, or one is in another
 */
export function placesOf(spec: BuildSpec): PlacedInput[] {
  const placed: (PlacedInput & { readonly written: string })[] = [];
  for (const [i, written] of spec.inputs.entries()) {
    const fault = (reason: string, hint: string) => spec.fault(["inputs", i], reason, hint);
    const hostPath = resolve(spec.folder, written);
    const place = placeOf(spec.folder, hostPath);
    if (place === undefined) throw fault(`the input ${written} has no name`, "name a folder in it");
    const other = placed.find((each) => overlap(each.place, place));
    if (other) {
      throw fault(
        `the inputs ${other.written} and ${written} overlap`,
        other.place === place
          ? "only the last name of an input outside the folder of the spec counts: rename one of them"
          : "leave one of them out",
      );
    }
    placed.push({ place, hostPath, fault, written });
  }
  return placed;
}

function placeOf(folder: string, hostPath: string): string | undefined {
  const path = relative(folder, hostPath);
  const isInside = path !== ".." && !path.startsWith(`..${sep}`) && !isAbsolute(path);
  return isInside ? path.split(sep).join("/") : basename(hostPath) || undefined;
}

function overlap(a: string, b: string): boolean {
  return a === b || a === "" || b === "" || a.startsWith(`${b}/`) || b.startsWith(`${a}/`);
}

/** The error for an input that was not the same each time it was read. */
export function inputChanged(path: string): LarderError {
  return new LarderError("LDR_INPUT_CHANGED", `the input ${path} changed while it was read`, {
    hint: "end what writes to it, then build again; nothing was stored",
  });
}

/** Walks through one input. */
class InputWalk {
  readonly #nodes: InputNode[];
  readonly #fault: PlacedInput["fault"];
  readonly #signal: AbortSignal | undefined;

  constructor(nodes: InputNode[], fault: PlacedInput["fault"], signal: AbortSignal | undefined) {
    this.#nodes = nodes;
    this.#fault = fault;
    this.#signal = signal;
  }

  /** Adds an input that the spec names. A link is followed: the user means what it leads to. */
  async add(place: string, hostPath: string): Promise<void> {
    let info: Deno.FileInfo;
    try {
      info = Deno.statSync(hostPath);
    } catch (error) {
      if (!isNotFound(error)) throw diskError(error, "read", hostPath);
      throw this.#fault(`there is no input ${hostPath}`, "correct the path, or create it");
    }
    await this.#addNode(place, hostPath, info);
  }

  async #addNode(path: string, hostPath: string, info: Deno.FileInfo): Promise<void> {
    if (this.#nodes.length % READS_PER_YIELD === 0) await sleep(0, this.#signal);
    // Windows has no permissions.
    const mode = (info.mode ?? (info.isDirectory ? 0o755 : 0o644)) & MODE_BITS;
    const node = { path, hostPath, mode, size: 0, target: "" };
    if (info.isFile) {
      this.#nodes.push({ ...node, type: "file", size: info.size });
    } else if (info.isSymlink) {
      this.#nodes.push({ ...node, type: "link", target: this.#targetOf(hostPath) });
    } else if (info.isDirectory) {
      if (path !== "") this.#nodes.push({ ...node, type: "folder" });
      for (const name of this.#namesIn(hostPath)) {
        const child = path === "" ? name : `${path}/${name}`;
        const childPath = `${hostPath}${sep}${name}`;
        await this.#addNode(child, childPath, this.#inspect(childPath));
      }
    } else {
      throw this.#fault(
        `the input ${hostPath} is neither a file, a folder nor a link`,
        "leave sockets, pipes and devices out of the inputs; the command can create them",
      );
    }
  }

  #namesIn(folder: string): string[] {
    try {
      return Array.from(Deno.readDirSync(folder), ({ name }) => name);
    } catch (error) {
      throw isNotFound(error) ? inputChanged(folder) : diskError(error, "read", folder);
    }
  }

  #inspect(path: string): Deno.FileInfo {
    try {
      return Deno.lstatSync(path);
    } catch (error) {
      if (!isNotFound(error)) throw diskError(error, "read", path);
      // The runtime replaces bytes of a name that are not UTF-8.
      throw path.includes("\ufffd") ? this.#badName(path) : inputChanged(path);
    }
  }

  #targetOf(path: string): string {
    try {
      return Deno.readLinkSync(path);
    } catch (error) {
      if (isNotFound(error)) throw inputChanged(path);
      if (!(error instanceof Deno.errors.InvalidData)) throw diskError(error, "read", path);
      const reason = `the target of the link ${path} is not valid UTF-8`;
      throw this.#fault(reason, "replace the link, or leave it out");
    }
  }

  #badName(path: string): LarderError {
    return this.#fault(
      `the name of the input ${path} is not valid UTF-8`,
      "rename it: convmv -f latin1 -t utf8 shows how, for a whole folder",
    );
  }
}

/** Returns the inputs as a key lists them. @throws LarderError LDR_INPUT_CHANGED, LDR_DISK*, LDR_INTERRUPTED */
export async function hashInputs(
  nodes: readonly InputNode[],
  signal?: AbortSignal,
): Promise<KeyInput[]> {
  const files = nodes.filter(({ type }) => type === "file");
  const requests = files.map(({ hostPath, size }) => {
    return { path: hostPath, size, algorithm: "sha256" } as const;
  });
  const digests = await digestsOfFiles(requests, { signal });
  const digestOf = new Map(files.map((file, i) => [file, digests[i]]));
  return nodes.map((node) => keyInput(node, digestOf.get(node)));
}

/** Returns a node as a key lists it. @param digest of a file; undefined if it is gone */
function keyInput(node: InputNode, digest: Digest | undefined): KeyInput {
  const { path, type, target } = node;
  if (type === "link") return { path, type, target };
  const mode = node.mode.toString(8).padStart(4, "0");
  if (type === "folder") return { path, type, mode };
  if (!digest) throw inputChanged(node.hostPath);
  return { path, type, mode, digest, size: node.size };
}

/** Returns the inputs of a spec that hold one of these paths, such as the output: it would change them. */
export function inputsThatHold(spec: BuildSpec, path: string): string[] {
  const real = realPath(path);
  return spec.inputs.filter((written) => {
    const input = realPath(resolve(spec.folder, written));
    return real === input || real.startsWith(join(input, sep));
  });
}

/** Returns a path without links, as far as it exists. */
function realPath(path: string): string {
  try {
    return Deno.realPathSync(path);
  } catch {
    const parent = resolve(path, "..");
    return parent === path ? path : join(realPath(parent), basename(path));
  }
}
