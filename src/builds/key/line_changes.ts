/** A line that one of two texts has and the other has not. */
export interface LineChange {
  readonly change: "added" | "removed";
  readonly line: string;
}

/** Lines up to which the smallest set of changes is found: 1,000 take 10 ms. */
const MAX_LINES = 1000;

/** Returns the fewest lines to remove from one text and to add to make it the other, in the order of the texts. */
export function lineChanges(before: readonly string[], after: readonly string[]): LineChange[] {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before.at(-1 - end) === after.at(-1 - end)) end++;
  const old = before.slice(start, before.length - end);
  const current = after.slice(start, after.length - end);
  const removed = (line: string): LineChange => ({ change: "removed", line });
  const added = (line: string): LineChange => ({ change: "added", line });
  if (old.length > MAX_LINES || current.length > MAX_LINES) {
    return [...old.map(removed), ...current.map(added)];
  }
  const common = commonLengths(old, current);
  const changes: LineChange[] = [];
  for (let i = 0, j = 0; i < old.length || j < current.length;) {
    if (i < old.length && j < current.length && old[i] === current[j]) {
      i++;
      j++;
    } else if (
      j >= current.length || (i < old.length && common[i + 1]![j]! >= common[i]![j + 1]!)
    ) {
      changes.push(removed(old[i++]!));
    } else {
      changes.push(added(current[j++]!));
    }
  }
  return changes;
}

/** Returns for each pair of positions the length of the longest common subsequence of the rests of the texts. */
function commonLengths(a: readonly string[], b: readonly string[]): number[][] {
  const lengths = Array.from(
    { length: a.length + 1 },
    () => new Array<number>(b.length + 1).fill(0),
  );
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      lengths[i]![j] = a[i] === b[j]
        ? lengths[i + 1]![j + 1]! + 1
        : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  return lengths;
}
