import { dirname, resolve } from "node:path";
import { writeFileAtomic } from "./atomic_write.ts";
import { ensureFolder, statIfAny } from "./files.ts";

/** Links that are followed from a path to its file. */
const MAX_LINKS = 40;

/**
 * Replaces a file of the user atomically, or creates it and its folder. A link stays a link, also one whose file does
 * not exist. The file keeps its mode and its owner, so that after `sudo larder login` the user can still read it.
 *
 * @throws LarderError LDR_DISK*
 */
export function replaceUserFile(path: string, text: string): void {
  const target = targetOf(path);
  const before = statIfAny(target);
  ensureFolder(dirname(target));
  writeFileAtomic(target, text);
  const after = statIfAny(target);
  if (!before || !after || Deno.build.os === "windows") return;
  try {
    if (after.uid !== before.uid || after.gid !== before.gid) {
      Deno.chownSync(target, before.uid, before.gid);
    }
    if (after.mode !== before.mode) Deno.chmodSync(target, before.mode! & 0o777);
  } catch {
    // Only root may give a file away; it stays private to this user then.
  }
}

/** Returns the file that a path leads to through links; it need not exist. */
export function targetOf(path: string): string {
  let target = path;
  for (let i = 0; i < MAX_LINKS && statIfAny(target)?.isSymlink; i++) {
    target = resolve(dirname(target), Deno.readLinkSync(target));
  }
  return target;
}
