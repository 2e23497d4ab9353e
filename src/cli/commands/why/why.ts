import { diskOf } from "../../../base/disk.ts";
import { hasCode } from "../../../base/errors.ts";
import { takeSnapshot } from "../../../snapshot/snapshot.ts";
import type { CacheSnapshot } from "../../../snapshot/types.ts";
import type { Digest } from "../../../oci/digest.ts";
import { historyOf } from "../../../store/journal/history.ts";
import { Journal } from "../../../store/journal/journal.ts";
import { spellings } from "../../../store/entry_names.ts";
import { writeJson, writeOut } from "../../terminal/console.ts";
import type { Context } from "../../context.ts";
import { type LookupResult, lookUp } from "../../entry_lookup.ts";
import type { Format } from "../../options.ts";
import { absentText, contentWhy, entryWhy } from "./text.ts";
import { contentWhyJson, entryWhyJson, happeningJson } from "./json.ts";
import { policyOf } from "../gc/policy.ts";
import { Reasons } from "./reasons.ts";

/**
 * `larder why`: what keeps an entry, or a piece of content, and when a collector would take it; and of what was fetched
 * again, or is no more, why.
 */
export async function why(
  context: Context,
  name: string,
  options: { format: Format },
): Promise<void> {
  const { layout } = context;
  const snapshot = await takeSnapshot(layout, Date.now());
  const events = new Journal(layout).read();
  const found = lookUpOr(snapshot, name, (error) => {
    const history = historyOf(events, (own, digest) => isCalled(name, own, digest));
    if (history.length === 0) throw error;
    print(
      options,
      { name, isCached: false, history: history.map(happeningJson) },
      () => absentText(name, history),
    );
  });
  if (!found) return;
  const reasons = new Reasons(snapshot, policyOf(context.config), diskOf(layout.root));
  if (found.kind === "entry") {
    const history = historyOf(events, (own) => own === found.entry.name);
    const about = reasons.ofEntry(found.entry);
    print(options, entryWhyJson(about, history), () => entryWhy(about, history));
  } else {
    const history = historyOf(events, (_, digest) => digest === found.digest);
    const about = reasons.ofContent(found.digest, found.contents);
    print(options, contentWhyJson(about, history), () => contentWhy(about, history));
  }
}

function print({ format }: { format: Format }, document: object, text: () => string): void {
  if (format === "json") writeJson(document);
  else writeOut(text());
}

/** What a name stands for in the cache; if nothing, `otherwise` says what is to be said. */
function lookUpOr(
  snapshot: CacheSnapshot,
  name: string,
  otherwise: (error: unknown) => void,
): LookupResult | undefined {
  try {
    return lookUp(snapshot, name);
  } catch (error) {
    if (!hasCode(error, "LDR_NOT_CACHED")) throw error;
    otherwise(error);
    return undefined;
  }
}

/** Whether a user means what had such a name or digest once. */
function isCalled(text: string, name: string, digest: Digest | undefined): boolean {
  return spellings(name).includes(text) || digest === text ||
    (text.length >= 12 && digest !== undefined &&
      digest.slice(digest.indexOf(":") + 1).startsWith(text));
}
