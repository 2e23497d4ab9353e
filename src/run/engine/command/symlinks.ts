/**
 * Symbolic links of commands. Deno lets only a thread that may read and write everything create one, so the main thread
 * creates those of guests, after the same checks as in the guest's thread.
 */
import { Denials } from "../../grants/denials.ts";
import { FileError, type FileErrorCode, translateErrors } from "../../wasi/filesystem/error.ts";
import type { Mount } from "../../wasi/filesystem/imports.ts";
import type { NewLink } from "../../wasi/filesystem/volume.ts";

/** A link to create, and memory for the answer: its length, and the code of an error as text. */
export interface SymlinkRequest extends NewLink {
  readonly answer: SharedArrayBuffer;
}

const PENDING = -1;
/** Bytes of the length, and of the longest code. */
const LENGTH_SIZE = 4;
const ANSWER_SIZE = LENGTH_SIZE + 32;

/** Blocks the guest's thread, which has no other guest, until the main thread has answered. @throws FileError */
export function requestSymlink(link: NewLink, send: (request: SymlinkRequest) => void): void {
  const answer = new SharedArrayBuffer(ANSWER_SIZE);
  const length = new Int32Array(answer, 0, 1);
  length[0] = PENDING;
  send({ ...link, answer });
  Atomics.wait(length, 0, PENDING);
  const code = new TextDecoder().decode(new Uint8Array(answer, LENGTH_SIZE, length[0]).slice());
  if (code !== "") throw new FileError(code as FileErrorCode);
}

/** Creates a link if it and its target are inside a folder that the guest may change. */
export async function answerSymlink(
  { answer, ...link }: SymlinkRequest,
  mounts: readonly Mount[],
): Promise<void> {
  const code = new TextEncoder().encode(await createSymlink(link, mounts) ?? "");
  new Uint8Array(answer, LENGTH_SIZE).set(code);
  const length = new Int32Array(answer, 0, 1);
  Atomics.store(length, 0, code.length);
  Atomics.notify(length, 0);
}

async function createSymlink(
  link: NewLink,
  mounts: readonly Mount[],
): Promise<FileErrorCode | undefined> {
  const mount = mounts.find((each) =>
    each.kind === "folder" && each.host === link.host && !each.readOnly
  );
  if (!mount) return "not-permitted";
  try {
    const { mountPoint, preopens } = await import("../../wasi/filesystem/imports.ts");
    const { InstanceResources } = await import("../../wasi/resources.ts");
    using resources = new InstanceResources();
    const point = mountPoint(mount, new Denials("options", () => {}), makeSymlink);
    const [directory] = preopens([point], resources);
    directory!.createSymlink(link.target, link.path.join("/"));
    return undefined;
  } catch (error) {
    return error instanceof FileError ? error.payload : "io";
  }
}

/** Creates a link, for a thread that may. @throws FileError */
export function makeSymlink({ host, path, target }: NewLink): void {
  translateErrors(() => Deno.symlinkSync(target, [host.replace(/\/$/, ""), ...path].join("/")));
}
