import type { BuildRecord } from "../../store/entries/build_record.ts";
import type { BuildStore } from "../../store/entries/build_store.ts";
import { type Key, parseKeyDocument } from "./key.ts";
import { differencesOf, type KeyDifference } from "./key_difference.ts";

/** Builds that are compared, the last used first: to read the key document of a large one takes 50 ms. */
const MAX_COMPARED = 20;

/** A cached build, and how another one differs from it. */
export interface NearestBuild {
  readonly record: BuildRecord;
  readonly differences: readonly KeyDifference[];
}

/**
 * Returns the cached build that differs least from a key: one of the same name if there is one, and of several the one
 * that was used last. Undefined if no build is cached whose key document is there.
 */
export function nearestBuild(store: BuildStore, key: Key): NearestBuild | undefined {
  const records = store.records().map(({ record }) => record)
    .filter(({ specification }) => specification !== key.digest);
  const named = records.filter(({ name }) => name === key.document.name);
  let nearest: NearestBuild | undefined;
  for (const record of (named.length > 0 ? named : records).slice(0, MAX_COMPARED)) {
    const document = parseKeyDocument(store.keyDocument(record) ?? "");
    if (!document) continue;
    const differences = differencesOf(document, key.document);
    if (!nearest || differences.length < nearest.differences.length) {
      nearest = { record, differences };
    }
  }
  return nearest;
}
