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

/** What keeps an entry from every automatic removal. */
export interface Pin {
  readonly note?: string | undefined;
  /** RFC 3339; a pin that somebody else wrote need not say. */
  readonly pinnedAt?: string | undefined;
  /** The pattern that holds the entry; without one the pin is the entry's own. */
  readonly pattern?: string | undefined;
}

/** A pin on every entry with such a name, also on those that come later. */
export interface PinPattern extends Pin {
  readonly pattern: string;
}

export interface PinOptions {
  readonly note?: string | undefined;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Called once if a sweep is under way and has to be waited for. */
  readonly waiting?: () => void;
  readonly signal?: AbortSignal | undefined;
}

const PinSchema = v.object({ note: v.optional(v.string()), pinnedAt: v.optional(TimeSchema) });

const PatternsSchema = v.object({
  schemaVersion: v.literal(1),
  pins: v.array(v.object({ pattern: v.pipe(v.string(), v.nonEmpty()), ...PinSchema.entries })),
});

/**
 * The pins of the cache: `pin.json` beside an entry's record, and `pins.json` for names that are patterns.
 *
 * Pins are written under the store's shared lock, so that no sweep has looked before and deletes after.
 */
export class PinStore {
  readonly #layout: Layout;

  constructor(layout: Layout) {
    this.#layout = layout;
  }

  /**
   * The patterns, in the order in which they were pinned.
   * @throws LarderError LDR_CONFIG for a file that is not to be read: nobody knows then what has to stay
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

  /** Takes an entry's own pin away. @returns whether it had one */
  unpin(folder: string): boolean {
    const path = join(folder, PIN_FILE);
    if (!statIfAny(path)) return false;
    removeIfAny(path);
    return true;
  }

  /** Pins a pattern, in the place of what was noted of it before. @throws LarderError LDR_DISK*, LDR_BUSY */
  async pinPattern(pattern: string, options: PinOptions): Promise<void> {
    const pin = { pattern, ...pinOf(options) };
    await this.#change(
      (pins) => [...pins.filter((each) => each.pattern !== pattern), pin],
      options,
    );
  }

  /** Takes the pin of a pattern away. @returns whether there was one */
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
      // The file is replaced and not written to: who waited for its lock may have that of one that is gone.
      for (;;) {
        using file = openPins(this.#layout.pins);
        await lockFile(file, true, options);
        if (!isStillAt(file, this.#layout.pins)) continue;
        // Not by its name: Windows lets only the handle that has the lock read the file.
        const pins = parsePatterns(readText(file), this.#layout.pins);
        const document = { schemaVersion: 1, pins: change(pins) };
        writeFileAtomic(this.#layout.pins, JSON.stringify(document, null, 2) + "\n");
        return;
      }
    }, options);
  }
}

/** An entry's own pin; a file that is broken is a pin all the same. */
export function readPin(folder: string): Pin | undefined {
  const text = readTextIfAny(join(folder, PIN_FILE));
  return text === undefined ? undefined : parseJson(PinSchema, text) ?? {};
}

/** The first pattern that pins an entry of this name. */
export function matchingPin(
  patterns: readonly PinPattern[],
  name: string,
): PinPattern | undefined {
  return patterns.find(({ pattern }) => matchesName(pattern, name));
}

function pinOf({ note, now }: PinOptions): Pin {
  return { ...(note !== undefined && { note }), pinnedAt: new Date(now).toISOString() };
}

/** A file that was only just made has no pins yet. */
function parsePatterns(text: string, path: string): readonly PinPattern[] {
  if (text === "") return [];
  try {
    return v.parse(PatternsSchema, JSON.parse(text)).pins;
  } catch (error) {
    throw new LarderError("LDR_CONFIG", `the pins in ${path} are not to be read`, {
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
