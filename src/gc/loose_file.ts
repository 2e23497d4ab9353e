import { statIfAny } from "../base/files.ts";
import type { LooseFile } from "./survey_types.ts";

/** What is known of a file, not following a link; undefined if it is gone. */
export function looseFile(path: string): LooseFile | undefined {
  const info = statIfAny(path);
  return info && { path, size: info.size, mtime: info.mtime?.getTime() ?? 0 };
}
