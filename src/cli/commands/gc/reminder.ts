import { LarderError } from "../../../base/errors.ts";
import { FILE_MODE } from "../../../base/files/files.ts";
import { diskError } from "../../../base/files/system_error.ts";
import { formatBytes } from "../../../base/units.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { Context } from "../../context.ts";

/** 20 GB from which on a cache without limits is worth a note. */
const LARGE = 20e9;
/** 10 GB: the proposed limit is the next multiple of this. */
const STEP = 10e9;

/** Says that a large cache has no limit, and how to set one. Does nothing if the cache cannot be written to. */
export async function remindOfLimits(context: Context): Promise<void> {
  const { layout } = context;
  try {
    // Written first, so that a cache that takes no writes is not looked at after each pull.
    writeNow(layout.reminder);
    const { size } = await takeSnapshot(layout, Date.now());
    if (size < LARGE) return;
    const limit = (Math.floor(size / STEP) + 1) * STEP / 1e9;
    context.info(
      `the cache takes ${formatBytes(size)} and has no limit; to set one: ` +
        `larder config set gc.max_size ${limit}GB`,
    );
  } catch (error) {
    if (!(error instanceof LarderError)) throw error;
  }
}

/** Creates an empty file or sets its mtime. Nothing is replaced, so a process that is killed leaves nothing behind. */
function writeNow(path: string): void {
  const now = new Date();
  try {
    Deno.openSync(path, { write: true, create: true, mode: FILE_MODE }).close();
    Deno.utimeSync(path, now, now);
  } catch (error) {
    throw diskError(error, "write", path);
  }
}
