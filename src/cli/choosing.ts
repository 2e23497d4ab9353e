import { LarderError } from "../base/errors.ts";
import { isGlob } from "../base/glob.ts";
import { nearest } from "../base/nearest.ts";
import type { SurveyEntry } from "../gc/survey_types.ts";
import { matchesName, spellings } from "../store/names.ts";

/** The fewest digits that name an entry by the beginning of its digest. */
const MIN_DIGITS = 12;

/**
 * The entries that a name, a glob or a digest stands for, to be changed or removed: unlike in a look-up, the beginning
 * of a name is none, since a slip would meet another entry.
 */
export function entriesCalled(entries: readonly SurveyEntry[], text: string): SurveyEntry[] {
  const named = entries.filter(({ name }) => matchesName(text, name));
  if (named.length > 0 || isGlob(text)) return named;
  const digits = /^(?:sha(?:256|512):)?([0-9a-f]+)$/.exec(text)?.[1] ?? "";
  if (digits.length < MIN_DIGITS) return [];
  return entries.filter(({ digest = "" }) =>
    digest.startsWith(text) || digest.slice(digest.indexOf(":") + 1).startsWith(text)
  );
}

/** The error for a name that stands for nothing. */
export function nothingCalled(entries: readonly SurveyEntry[], text: string): LarderError {
  const meant = nearest(text, entries.flatMap(({ name }) => spellings(name)));
  return new LarderError("LDR_NOT_CACHED", `nothing in the cache is called "${text}"`, {
    hint: meant ? `did you mean ${meant}?` : "larder list -v lists what there is",
  });
}
