import { LarderError } from "../base/errors.ts";
import { isGlob } from "../base/glob.ts";
import type { Survey, SurveyEntry } from "../gc/survey_types.ts";
import { matchesName } from "../store/names.ts";
import { nothingCalled } from "./choosing.ts";
import { lookUp } from "./lookup.ts";

/**
 * The entries that are meant by names, their beginnings, digests and globs, in the order of the survey. For commands
 * that take nothing away: see `choosing.ts` for those that do.
 *
 * @throws LarderError LDR_NOT_CACHED; LDR_USAGE for what can be several things, or is no entry
 */
export function entriesMeant(cache: Survey, texts: readonly string[]): SurveyEntry[] {
  const meant = new Set(texts.flatMap((text) => entriesOf(cache, text)));
  return cache.entries.filter((entry) => meant.has(entry));
}

function entriesOf(cache: Survey, text: string): readonly SurveyEntry[] {
  if (isGlob(text)) {
    const named = cache.entries.filter(({ name }) => matchesName(text, name));
    if (named.length > 0) return named;
    throw nothingCalled(cache.entries, text);
  }
  const found = lookUp(cache, text);
  if (found.kind === "entry") return [found.entry];
  throw new LarderError("LDR_USAGE", `${found.digest} is no entry, but what entries consist of`, {
    hint: `larder info ${text} says which entries need it`,
  });
}
