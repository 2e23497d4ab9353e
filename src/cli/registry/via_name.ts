import { statIfAny } from "../../base/files/files.ts";
import type { Layout } from "../../store/layout.ts";

/**
 * Returns the name that the processes on a cache have in `Via`, undefined as long as there is no cache. A server that is
 * asked by a process on its own cache has nothing that the process lacks: it would wait for the blob that the process is
 * about to fetch, whose partial file that has locked. It took `larder pull` 30 seconds to go on to the registry.
 */
export function viaName({ root }: Layout): string | undefined {
  const { dev, ino, birthtime } = statIfAny(root) ?? {};
  if (dev === undefined || !ino) return undefined;
  // The time tells the first folders of two machines apart, which may have the same numbers.
  const born = hex(birthtime?.getTime() ?? 0, 8);
  return `1.1 larder-${born}-${hex(dev, 10)}-${hex(ino, 16)}`;
}

function hex(number: number, digits: number): string {
  return number.toString(16).padStart(digits, "0").slice(-digits);
}
