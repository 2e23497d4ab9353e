/** The calls by which larder changes the names or the bytes of files. */
const CALLS = [
  "openSync",
  "renameSync",
  "removeSync",
  "writeFileSync",
  "utimeSync",
  "lstatSync",
] as const;

/**
 * Calls `between` before each call to the file system by `work`, which is every state in which larder can be killed, or
 * in which another program can find the cache.
 */
export async function betweenCalls<T>(between: () => void, work: () => Promise<T>): Promise<T> {
  const originals = CALLS.map((name) => [name, Deno[name]] as const);
  let isInside = false;
  for (const [name, original] of originals) {
    // deno-lint-ignore no-explicit-any
    (Deno as any)[name] = (...args: unknown[]) => {
      if (!isInside) {
        isInside = true;
        try {
          between();
        } finally {
          isInside = false;
        }
      }
      // deno-lint-ignore no-explicit-any
      return (original as any)(...args);
    };
  }
  try {
    return await work();
  } finally {
    Object.assign(Deno, Object.fromEntries(originals));
  }
}
