import { relative, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

/** Paths in a lock file are relative to its folder, so that they hold on every machine. */

/** Returns how the lock file of the current folder names a file or URL. */
export function pathInLock(pathOrUrl: string): string {
  if (/^https?:/i.test(pathOrUrl)) return new URL(pathOrUrl).href;
  const path = pathOrUrl.startsWith("file:") ? fileURLToPath(pathOrUrl) : pathOrUrl;
  return relative(Deno.cwd(), resolve(path)).split(sep).join("/");
}

/** Returns the URL of what the lock file of the current folder names so. */
export function urlOf(name: string): URL {
  return /^https?:/i.test(name) ? new URL(name) : pathToFileURL(resolve(name));
}
