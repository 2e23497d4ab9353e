import type { Digest } from "../../../oci/digest.ts";
import type { Lock, LockedPackage } from "../../lock/format.ts";

/** What a lock file says of one name, before and after; null where the name is not in it. */
export interface Change {
  readonly kind: "reference" | "list" | "package" | "spec";
  readonly name: string;
  readonly from: Digest | null;
  readonly to: Digest | null;
}

/** Returns the names whose digest has changed. */
export function changesOf(before: Lock, after: Lock): Change[] {
  return changesBetween(before, after).filter(({ from, to }) => from !== to);
}

/** Returns the number of names whose digest has not changed. */
export function unchangedIn(before: Lock, after: Lock): number {
  return changesBetween(before, after).filter(({ from, to }) => from === to).length;
}

function changesBetween(before: Lock, after: Lock): Change[] {
  const pairs = [
    ["reference", before.references, after.references],
    ["list", digestsOfLists(before.lists), digestsOfLists(after.lists)],
    ["package", digestsOf(before.packages), digestsOf(after.packages)],
    ["spec", before.specs, after.specs],
  ] as const;
  return pairs.flatMap(([kind, from, to]) =>
    [...new Set([...from.keys(), ...to.keys()])].sort().map((name) => ({
      kind,
      name,
      from: from.get(name) ?? null,
      to: to.get(name) ?? null,
    }))
  );
}

/** Only local lists have a digest. */
function digestsOfLists(lists: Lock["lists"]): Map<string, Digest> {
  return new Map(
    [...lists].flatMap(([from, { digest }]) => digest ? [[from, digest] as const] : []),
  );
}

function digestsOf(packages: readonly LockedPackage[]): Map<string, Digest> {
  return new Map(
    packages.map(({ name, version, arch, digest }) =>
      [`${name}/${version}/${arch}`, digest] as const
    ),
  );
}
