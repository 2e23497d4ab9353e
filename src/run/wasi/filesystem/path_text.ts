/** What the text of a path or of a link's target says, without a look at any file. */
import type { PathSegments } from "./volume.ts";

/** True if a path ends with `/`, `.` or `..`, so that it can only be of a directory. */
export function endsAsDirectory(path: string): boolean {
  return /(?:^|\/)\.{0,2}$/.test(path);
}

/** Returns the last name of a path if it is `.` or `..`, which cannot be removed or renamed. */
export function lastDots(path: string): string | undefined {
  return /(?:^|\/)(\.\.?)\/*$/.exec(path)?.[1];
}

/** True if the target of a link is relative and does not climb above the mount's root, from which `link` is counted. */
export function staysInside(target: string, link: PathSegments): boolean {
  if (target.startsWith("/")) return false;
  let depth = link.length - 1;
  for (const name of target.split("/")) {
    if (name === "..") depth--;
    else if (name !== "" && name !== ".") depth++;
    if (depth < 0) return false;
  }
  return true;
}
