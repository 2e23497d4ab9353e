import { larder } from "../cli/in_process.ts";
import { TestCache } from "./test_cache.ts";

/** A home folder with a cache, for command lines of larder in this process. */
export class TestCacheHome extends TestCache {
  constructor(options: { now?: number } = {}) {
    super({ cache: ".cache/larder", ...options });
  }

  /** Runs a command line of larder for the user of this home. */
  larder(...args: string[]) {
    return larder(this.path, ...args);
  }

  /** Pins the entry of a folder. */
  pin(folder: string, note: string): void {
    Deno.writeTextFileSync(`${folder}/pin.json`, JSON.stringify({ note }));
  }
}
