import { ensureFolder, removeIfAny, writeAll } from "../base/files.ts";
import { throwIfAborted } from "../base/errors.ts";
import { TRANSFER_BUFFER } from "../base/limits.ts";
import { diskError } from "../base/system_error.ts";
import { digestOf } from "../oci/hash.ts";
import type { Layout } from "../store/layout.ts";
import type { OpenFile } from "./archive_members.ts";

/**
 * Copies standard input to a temporary file in the cache, because an archive is read twice. The file has the name of a
 * partial download that no other process uses, and loses it at once, so that nothing is left of it if larder is killed.
 *
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function spoolStdin(layout: Layout, signal?: AbortSignal): Promise<OpenFile> {
  const path = layout.partial(digestOf(crypto.getRandomValues(new Uint8Array(32))));
  ensureFolder(layout.partials);
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
    if (Deno.build.os !== "windows") removeIfAny(path);
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    for (let read; (read = await Deno.stdin.read(buffer)) !== null;) {
      throwIfAborted(signal);
      writeAll(file, buffer.subarray(0, read));
    }
    return { path: "standard input", file };
  } catch (error) {
    file?.close();
    throw diskError(error, "write", path);
  }
}
