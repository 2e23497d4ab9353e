import { dirname, join } from "node:path";
import { writeFileAtomic } from "../../base/files/atomic_write.ts";
import {
  ensureFolder,
  isStillAt,
  readText,
  removeIfAny,
  statIfAny,
} from "../../base/files/files.ts";
import { openOrCreate } from "../../base/files/open_file.ts";
import { formatJson } from "../../base/json.ts";
import { type Layout, PIN_FILE } from "../layout.ts";
import { lockFile } from "../locks/file_lock.ts";
import { withSharedLock } from "../locks/store_lock.ts";
import {
  changedPins,
  damagedPins,
  patternOf,
  type Pin,
  type PinPattern,
  type PinPatterns,
  readPin,
  readPinPatterns,
  rejectBadPattern,
} from "./pin_file.ts";

export interface PinOptions {
  readonly note?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Called once if a running sweep has to be waited for. */
  readonly waiting?: (holders: string) => void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The pins of the cache: `pin.json` beside the record of an entry, and `pins.json` for patterns of names.
 *
 * Pins are written under the shared store lock, so that no running sweep misses one.
 */
export class PinStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /** Returns the pinned patterns, and what is wrong with their file. */
  read(): PinPatterns {
    return readPinPatterns(this.#layout.pins);
  }

  /** Returns the patterns that can be read, in the order in which they were pinned. */
  patterns(): readonly PinPattern[] {
    return this.read().patterns;
  }

  /** Pins the entry in a folder; without a note, an earlier one stays. @throws LarderError LDR_DISK*, LDR_BUSY */
  async pin(folder: string, options: PinOptions): Promise<void> {
    await withSharedLock(this.#layout, () => {
      const pin = pinOf({ ...options, note: options.note ?? readPin(folder)?.note });
      writeFileAtomic(join(folder, PIN_FILE), formatJson(pin));
      return Promise.resolve();
    }, options);
  }

  /** Removes the pin of the entry in a folder. @returns false if it had none */
  unpin(folder: string): boolean {
    const path = join(folder, PIN_FILE);
    if (!statIfAny(path)) return false;
    removeIfAny(path);
    return true;
  }

  /**
   * Pins a pattern, replacing an earlier pin of the same pattern; without a note, the earlier one stays.
   * @throws LarderError LDR_USAGE if it cannot be a pattern, LDR_CONFIG if the file is damaged, LDR_DISK*, LDR_BUSY
   */
  async pinPattern(pattern: string, options: PinOptions): Promise<void> {
    rejectBadPattern(pattern);
    const earlier = this.patterns().find((each) => each.pattern === pattern);
    const pin = { pattern, ...pinOf({ ...options, note: options.note ?? earlier?.note }) };
    await this.#change(
      (pins) => [...pins.filter((each) => patternOf(each) !== pattern), pin],
      options,
    );
  }

  /** Removes the pin of a pattern. @returns false if there was none @throws as {@link pinPattern} */
  async unpinPattern(pattern: string, options: PinOptions): Promise<boolean> {
    if (!this.patterns().some((pin) => pin.pattern === pattern)) return false;
    await this.#change((pins) => pins.filter((pin) => patternOf(pin) !== pattern), options);
    return true;
  }

  async #change(
    change: (pins: readonly unknown[]) => readonly unknown[],
    options: PinOptions,
  ): Promise<void> {
    await withSharedLock(this.#layout, async () => {
      const path = targetOf(this.#layout.pins);
      // The file is replaced, not modified: a lock that was waited for may be that of the replaced file.
      for (;;) {
        using file = openPins(path);
        await lockFile(file, true, options);
        if (!isStillAt(file, path)) continue;
        // Read from the handle, because Windows lets only the handle that holds the lock read the file.
        writeFileAtomic(path, changedPins(readText(file), path, change));
        return;
      }
    }, options);
  }
}

function pinOf({ note, now }: PinOptions): Pin {
  return { ...(note !== undefined && { note }), pinnedAt: new Date(now).toISOString() };
}

/** Returns the file that a link at a path names, so that the link stays one. @throws LarderError for a dangling link */
function targetOf(path: string): string {
  const info = statIfAny(path);
  if (info && !info.isFile) {
    const [fault] = readPinPatterns(path).faults;
    if (fault) throw damagedPins(fault);
    return Deno.realPathSync(path);
  }
  return path;
}

function openPins(path: string): Deno.FsFile {
  ensureFolder(dirname(path));
  return openOrCreate(path);
}
