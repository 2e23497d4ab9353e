import { untilAborted } from "../../base/concurrency.ts";
import { ensureFolder, removeIfAny, writeAll } from "../../base/files/files.ts";
import type { OpenFile } from "../../base/files/read_chunks.ts";
import { diskError } from "../../base/files/system_error.ts";
import { TRANSFER_BUFFER } from "../../base/limits.ts";
import { digestOf } from "../../oci/hash.ts";
import type { Layout } from "../../store/layout.ts";

/** Standard input, or an open pipe. */
interface Pipe {
  read(buffer: Uint8Array): Promise<number | null>;
}

/**
 * Copies what comes from a pipe to a temporary file in the cache, because an archive is read twice. The file has the name of a
 * partial download that no other process uses, and loses it at once, so that nothing is left of it if larder is killed.
 *
 * @param name names the pipe in messages
 * @throws LarderError LDR_DISK*, LDR_INTERRUPTED
 */
export async function spool(
  pipe: Pipe,
  name: string,
  layout: Layout,
  signal?: AbortSignal,
): Promise<OpenFile> {
  const path = layout.partial(digestOf(crypto.getRandomValues(new Uint8Array(32))));
  ensureFolder(layout.partials);
  let file: Deno.FsFile | undefined;
  try {
    file = Deno.openSync(path, { read: true, write: true, createNew: true, mode: 0o600 });
    if (Deno.build.os !== "windows") removeIfAny(path);
    const buffer = new Uint8Array(TRANSFER_BUFFER);
    // Ctrl-C ends it also while nothing arrives.
    const next = () => untilAborted(pipe.read(buffer), signal);
    for (let read; (read = await next()) !== null;) {
      writeAll(file, buffer.subarray(0, read));
    }
    return { path: name, file };
  } catch (error) {
    file?.close();
    throw diskError(error, "write", path);
  }
}
