/** A replacement, and the numbers of places where it may match. */
export interface AdaptStep {
  readonly name: string;
  readonly pattern: RegExp;
  readonly replacement: string | ((...groups: string[]) => string);
  readonly places: number | readonly number[] | ((places: number) => boolean);
}

/** @throws Error if the step does not match as often as it has to */
export function applyStep(text: string, { name, pattern, replacement, places }: AdaptStep): string {
  const actual = text.match(pattern)?.length ?? 0;
  const isExpected = typeof places === "function"
    ? places
    : (n: number) => [places].flat().includes(n);
  if (!isExpected(actual)) {
    const expected = typeof places === "function" ? "" : `, not ${[places].flat().join(" or ")}`;
    throw new Error(`cannot adapt jco's script: "${name}" found ${actual} places${expected}`);
  }
  return text.replace(pattern, replacement as string);
}
