/** Orders texts by their UTF-16 code units, as `Array.sort` does by default. */
export function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
