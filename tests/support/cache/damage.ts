/** Flips a bit of a file without changing its length. */
export function flipBit(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

/** Truncates a file to its first byte. */
export function truncate(path: string): void {
  Deno.truncateSync(path, 1);
}

/** Overwrites a file with invalid JSON. */
export function invalidateJson(path: string): void {
  Deno.writeTextFileSync(path, "{oops");
}

export function remove(path: string): void {
  Deno.removeSync(path);
}
