import type { FileStat } from "../snapshot/file_state.ts";
import { sep } from "node:path";
import { readFolder } from "../base/files.ts";
import { MANIFEST_FILE } from "../store/layout.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import type { Finding, Orphan } from "./finding.ts";
import type { ExpectedFiles } from "./expectation.ts";

/**
 * What is in a cache without being of use to anything in it.
 * @param anatomies what entries need: more than they reach, where what they reach it by is damaged
 * @param faults what has been said already
 */
export function findOrphans(
  snapshot: CacheSnapshot,
  anatomies: readonly ExpectedFiles[],
  faults: readonly Finding[],
): Finding[] {
  const needed = anatomies.flatMap(({ needs }) => needs.map(({ path }) => path));
  const others = new Set([...needed, ...faults.map(({ path }) => path)]);
  const orphans = snapshot.contents.filter(({ path, tree }, place) =>
    snapshot.referenceCounts[place] === 0 &&
    !others.has(tree === "manifests" ? path + sep + MANIFEST_FILE : path)
  );
  return [
    ...orphans.map(({ path, digest }) => ({
      ...stray("orphaned", { path }, "no entry needs it"),
      digest,
    })),
    ...snapshot.rubbish.map((file) => stray("leftover", file, "a crash left it")),
    ...[...snapshot.foreign, ...strangersIn(snapshot)].map((file) =>
      stray("foreign", file, "it is none of larder's")
    ),
  ];
}

/** What stands beside the trees of the cache, and is none of its files. */
function strangersIn({ layout }: CacheSnapshot): Pick<FileStat, "path">[] {
  const { manifests, packages, builds, oldBuilds, compiled, leases, partials } = layout;
  const { pins, journal, olderJournal, lock, gate } = layout;
  const own = [
    ...[layout.tree("data"), layout.tree("wasm"), manifests, packages, builds, oldBuilds],
    ...[compiled, leases, partials, pins, `${pins}.tmp`, journal, olderJournal, lock, gate],
  ];
  return readFolder(layout.root).map(({ name }) => ({ path: layout.root + sep + name }))
    .filter(({ path }) => !own.includes(path));
}

function stray(kind: Orphan, { path }: Pick<FileStat, "path">, detail: string): Finding {
  return { kind, path, detail, digest: undefined, entries: [], remedy: undefined };
}
