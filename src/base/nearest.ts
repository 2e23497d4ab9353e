/** The most slips of the finger between two names that still count as near. */
const MAX_DISTANCE = 3;

/**
 * The candidate that `name` is most likely a slip of the finger for, or undefined if none is near: at most three
 * letters are wrong, missing, too many or swapped with their neighbour, and fewer than half of them.
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

/** How many letters are to be changed, added, left out or swapped (optimal string alignment). */
function distanceOf(from: string, to: string): number {
  let [before, last]: [number[], number[]] = [
    [],
    Array.from({ length: to.length + 1 }, (_, i) => i),
  ];
  for (let i = 1; i <= from.length; i++) {
    const row = [i];
    for (let j = 1; j <= to.length; j++) {
      const changed = last[j - 1]! + (from[i - 1] === to[j - 1] ? 0 : 1);
      const swapped = from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1]
        ? before[j - 2]! + 1
        : changed;
      row.push(Math.min(last[j]! + 1, row[j - 1]! + 1, changed, swapped));
    }
    [before, last] = [last, row];
  }
  return last[to.length]!;
}
