import { sep } from "node:path";
import { readFolder } from "../base/files/files.ts";
import type { FileStat } from "../snapshot/file_state.ts";
import type { CacheSnapshot } from "../snapshot/types.ts";
import { MANIFEST_FILE } from "../store/layout.ts";
import type { ExpectedFiles } from "./expectation.ts";
import type { Finding, Orphan } from "./finding.ts";

/**
 * Returns the files that no entry needs.
 * @param expected what entries need; more than the snapshot's references if a manifest is damaged
 * @param faults files that are reported already
 */
export function findOrphans(
  snapshot: CacheSnapshot,
  expected: readonly ExpectedFiles[],
  faults: readonly Finding[],
): Finding[] {
  const needed = expected.flatMap(({ files }) => files.map(({ path }) => path));
  const excluded = new Set([...needed, ...faults.map(({ path }) => path)]);
  const orphans = snapshot.contents.filter(({ path, tree }, id) =>
    snapshot.referenceCounts[id] === 0 &&
    !excluded.has(tree === "manifests" ? path + sep + MANIFEST_FILE : path)
  );
  const unneeded = snapshot.hasUnknownReferences
    ? "no entry that can be read needs it"
    : "no entry needs it";
  return [
    ...orphans.map(({ path, digest }) => ({
      ...orphanFinding("orphaned", { path }, unneeded),
      digest,
    })),
    ...snapshot.rubbish.map((file) => orphanFinding("leftover", file, "a killed process left it")),
    ...[...snapshot.foreign, ...foreignFilesBesideTrees(snapshot)].map((file) =>
      orphanFinding("foreign", file, "larder did not write it")
    ),
  ];
}

function foreignFilesBesideTrees({ layout }: CacheSnapshot): Pick<FileStat, "path">[] {
  const { manifests, packages, builds, oldBuilds, compiled, leases, archives, partials } = layout;
  const { pins, journals, lock, gate, noColons, reminder, rooms } = layout;
  const own = [
    ...[layout.tree("data"), layout.tree("wasm"), manifests, packages, builds, oldBuilds],
    ...[compiled, leases, archives, partials, pins, `${pins}.tmp`, ...journals],
    ...[lock, gate, noColons, reminder, rooms],
  ];
  return readFolder(layout.root).map(({ name }) => ({ path: layout.root + sep + name }))
    .filter(({ path }) => !own.includes(path));
}

function orphanFinding(kind: Orphan, { path }: Pick<FileStat, "path">, detail: string): Finding {
  return { kind, path, detail, digest: undefined, entries: [], repair: undefined };
}
