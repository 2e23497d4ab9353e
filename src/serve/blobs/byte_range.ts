/** A range of bytes: from `start` to before `end`. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * Reads a `Range` header (RFC 9110 §14.2).
 *
 * A range whose end is before its start is unsatisfiable, as the conformance tests of the distribution specification
 * expect. Of several ranges the whole content is the answer, which a server may always send.
 *
 * @returns undefined for the whole content
 */
export function parseRange(
  header: string | null,
  size: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=(?:(\d+)-(\d*)|-(\d+))$/i.exec(header?.trim() ?? "");
  if (!match) return undefined;
  const [, first, last, suffix] = match;
  if (suffix !== undefined) {
    const length = Math.min(Number(suffix), size);
    return length === 0 ? "unsatisfiable" : { start: size - length, end: size };
  }
  const start = Number(first);
  const end = last ? Math.min(Number(last) + 1, size) : size;
  return start < end ? { start, end } : "unsatisfiable";
}
