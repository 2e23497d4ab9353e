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
  const names = target.split("/").filter((name) => name !== "" && name !== ".");
  const firstName = names.findIndex((name) => name !== "..");
  return !leadsOut(target, link) && (firstName < 0 || names.lastIndexOf("..") < firstName);
}

/** True if the names of a link's target alone lead above the mount's root, whatever they are names of. */
export function leadsOut(target: string, link: PathSegments): boolean {
  if (target.startsWith("/")) return true;
  let depth = link.length - 1;
  for (const name of target.split("/")) {
    if (name === "..") depth--;
    else if (name !== "" && name !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}
