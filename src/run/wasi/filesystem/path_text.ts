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

/**
 * True if the target of a link is relative and cannot lead above the mount's root, from which `link` is counted. `..`
 * can only be at its beginning: after a name, which can be a link that leads closer to the root, it could lead out.
 */
export function staysInside(target: string, link: PathSegments): boolean {
  if (target.startsWith("/")) return false;
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const climbs = names.findIndex((name) => name !== "..");
  const ups = climbs < 0 ? names.length : climbs;
  return ups < link.length && !names.slice(ups).includes("..");
}
