import { CacheFolder } from "./cache_folder.ts";
import { larder } from "../cli/in_process.ts";

/** A home folder with a cache, for command lines of larder in this process. */
export class CacheHome extends CacheFolder {
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
