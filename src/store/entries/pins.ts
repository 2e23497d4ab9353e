import { dirname, join } from "node:path";
import * as v from "valibot";
import { LarderError } from "../../base/errors.ts";
import {
  diskError,
  ensureFolder,
  FILE_MODE,
  isStillAt,
  readText,
  readTextIfAny,
  removeIfAny,
  statIfAny,
  writeFileAtomic,
} from "../../base/files.ts";
import { matchesName } from "../entry_names.ts";
import { parseJson, TimeSchema } from "../json.ts";
import { type Layout, PIN_FILE } from "../layout.ts";
import { lockFile } from "../locks/file_lock.ts";
import { withSharedLock } from "../locks/store_lock.ts";

/** A mark that keeps an entry from every automatic removal. */
export interface Pin {
  readonly note?: string | undefined;
  /** RFC 3339; may be absent from a file that another program wrote. */
  readonly pinnedAt?: string | undefined;
  /** The pattern that pins the entry; absent if the entry itself is pinned. */
  readonly pattern?: string | undefined;
}

/** A pin on every entry whose name matches, including future ones. */
export interface PinPattern extends Pin {
  readonly pattern: string;
}

export interface PinOptions {
  readonly note?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Called once if a running sweep has to be waited for. */
  readonly waiting?: (holders: string) => void;
  readonly signal?: AbortSignal | undefined;
}

const PinSchema = v.object({ note: v.optional(v.string()), pinnedAt: v.optional(TimeSchema) });

const PatternsSchema = v.object({
  schemaVersion: v.literal(1),
  pins: v.array(v.object({ pattern: v.pipe(v.string(), v.nonEmpty()), ...PinSchema.entries })),
});

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

  /**
   * Returns the patterns in the order in which they were pinned.
   * @throws LarderError LDR_CONFIG if the file is invalid, because the pinned entries are then unknown
   */
  patterns(): readonly PinPattern[] {
    const text = readTextIfAny(this.#layout.pins);
    return text === undefined ? [] : parsePatterns(text, this.#layout.pins);
  }

  /** Pins the entry in a folder. @throws LarderError LDR_DISK*, LDR_BUSY */
  async pin(folder: string, options: PinOptions): Promise<void> {
    await withSharedLock(this.#layout, () => {
      writeFileAtomic(join(folder, PIN_FILE), JSON.stringify(pinOf(options), null, 2) + "\n");
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

  /** Pins a pattern, replacing an earlier pin of the same pattern. @throws LarderError LDR_DISK*, LDR_BUSY */
  async pinPattern(pattern: string, options: PinOptions): Promise<void> {
    const pin = { pattern, ...pinOf(options) };
    await this.#change(
      (pins) => [...pins.filter((each) => each.pattern !== pattern), pin],
      options,
    );
  }

  /** Removes the pin of a pattern. @returns false if there was none */
  async unpinPattern(pattern: string, options: PinOptions): Promise<boolean> {
    if (!this.patterns().some((pin) => pin.pattern === pattern)) return false;
    await this.#change((pins) => pins.filter((pin) => pin.pattern !== pattern), options);
    return true;
  }

  async #change(
    change: (pins: readonly PinPattern[]) => readonly PinPattern[],
    options: PinOptions,
  ): Promise<void> {
    await withSharedLock(this.#layout, async () => {
      // The file is replaced, not modified: a lock that was waited for may be that of the replaced file.
      for (;;) {
        using file = openPins(this.#layout.pins);
        await lockFile(file, true, options);
        const isLink = statIfAny(this.#layout.pins)?.isSymlink === true;
        if (!isLink && !isStillAt(file, this.#layout.pins)) continue;
        // Read from the handle, because Windows lets only the handle that holds the lock read the file.
        const pins = parsePatterns(readText(file), this.#layout.pins);
        const document = { schemaVersion: 1, pins: change(pins) };
        const path = isLink ? Deno.realPathSync(this.#layout.pins) : this.#layout.pins;
        writeFileAtomic(path, JSON.stringify(document, null, 2) + "\n");
        return;
      }
    }, options);
  }
}

/** Returns the pin of the entry in a folder. An invalid file counts as a pin without a note. */
export function readPin(folder: string): Pin | undefined {
  const text = readTextIfAny(join(folder, PIN_FILE));
  return text === undefined ? undefined : parseJson(PinSchema, text) ?? {};
}

/** Returns the first pattern that matches the name of an entry. */
export function matchingPin(
  patterns: readonly PinPattern[],
  name: string,
): PinPattern | undefined {
  return patterns.find(({ pattern }) => matchesName(pattern, name));
}

function pinOf({ note, now }: PinOptions): Pin {
  return { ...(note !== undefined && { note }), pinnedAt: new Date(now).toISOString() };
}

function parsePatterns(text: string, path: string): readonly PinPattern[] {
  if (text === "") return []; // Created for its lock, not written yet.
  try {
    return v.parse(PatternsSchema, JSON.parse(text)).pins;
  } catch (error) {
    throw new LarderError("LDR_CONFIG", `cannot read the pins in ${path}: the file is invalid`, {
      hint: "correct the file, or delete it and pin again",
      cause: error,
    });
  }
}

function openPins(path: string): Deno.FsFile {
  ensureFolder(dirname(path));
  try {
    return Deno.openSync(path, { read: true, write: true, create: true, mode: FILE_MODE });
  } catch (error) {
    throw diskError(error, "write", path);
  }
}
