import { sep } from "node:path";
import { MANIFEST_FILE } from "../../store/layout.ts";
import type { LooseFile, Survey } from "../survey_types.ts";
import type { Finding, Stray } from "./finding.ts";
import type { Anatomy } from "./needs.ts";

/**
 * What is in a cache without being of use to anything in it.
 * @param anatomies what entries need: more than they reach, where what they reach it by is damaged
 * @param faults what has been said already
 */
export function findStrays(
  cache: Survey,
  anatomies: readonly Anatomy[],
  faults: readonly Finding[],
): Finding[] {
  const needed = anatomies.flatMap(({ needs }) => needs.map(({ path }) => path));
  const others = new Set([...needed, ...faults.map(({ path }) => path)]);
  const orphans = cache.contents.filter(({ path, tree }, place) =>
    cache.holders[place] === 0 &&
    !others.has(tree === "manifests" ? path + sep + MANIFEST_FILE : path)
  );
  return [
    ...orphans.map(({ path, digest }) => ({
      ...stray("orphaned", { path }, "no entry needs it"),
      digest,
    })),
    ...cache.rubbish.map((file) => stray("leftover", file, "a crash left it")),
    ...cache.foreign.map((file) => stray("foreign", file, "it is none of larder's")),
  ];
}

function stray(kind: Stray, { path }: Pick<LooseFile, "path">, detail: string): Finding {
  return { kind, path, detail, digest: undefined, entries: [], remedy: undefined };
}
