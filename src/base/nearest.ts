/** Edits by which a name may differ from a suggestion. */
const MAX_DISTANCE = 3;

/**
 * Returns the candidate that `name` is most likely a misspelling of, or undefined if none is close. A candidate is
 * close if at most three letters, and fewer than half of them, are wrong, missing, extra or swapped with a neighbour.
 */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const limit = Math.min(MAX_DISTANCE, (Math.max(name.length, candidate.length) - 1) / 2);
    const distance = distanceOf(name.toLowerCase(), candidate.toLowerCase());
    if (distance <= limit && (!best || distance < best.distance)) best = { candidate, distance };
  }
  return best?.candidate;
}

/**
 * Returns at most `count` candidates, the nearest first: at most three letters are wrong, missing, too many or swapped
 * with their neighbour, and one is right. Of two that are equally near, the one with the longer common beginning is
 * first.
 */
export function nearestFew(name: string, candidates: readonly string[], count: number): string[] {
  const ranked = candidates.flatMap((candidate) => {
    const [from, to] = [name.toLowerCase(), candidate.toLowerCase()];
    const distance = distanceOf(from, to);
    const limit = Math.min(MAX_DISTANCE, Math.max(from.length, to.length) - 1);
    return distance <= limit ? [{ candidate, distance, common: commonStart(from, to) }] : [];
  });
  ranked.sort((a, b) => a.distance - b.distance || b.common - a.common);
  return ranked.slice(0, count).map(({ candidate }) => candidate);
}

function commonStart(a: string, b: string): number {
  let length = 0;
  while (length < a.length && a[length] === b[length]) length++;
  return length;
}

/** Returns the number of changed, added, removed or swapped letters (optimal string alignment distance). */
function distanceOf(from: string, to: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = last[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
        ? beforeLast[j - 2]! + 1
        : changed;
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, changed, swapped));
    }
    [beforeLast, last] = [last, row];
  }
  return last[to.length]!;
}
