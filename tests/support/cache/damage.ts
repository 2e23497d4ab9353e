/** Changes a bit of a file; its length stays as it is. */
export function flip(path: string): void {
  const bytes = Deno.readFileSync(path);
  bytes[bytes.length - 1]! ^= 1;
  Deno.writeFileSync(path, bytes);
}

/** Leaves only the first byte of a file. */
export function cut(path: string): void {
  Deno.truncateSync(path, 1);
}

/** Makes of a file what is no JSON. */
export function nonsense(path: string): void {
  Deno.writeTextFileSync(path, "{oops");
}

export function remove(path: string): void {
  Deno.removeSync(path);
}
