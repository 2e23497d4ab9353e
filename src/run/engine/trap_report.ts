import { messageOf } from "../../base/errors.ts";
import { formatBytes } from "../../base/units.ts";

/** A call under way in a guest when it trapped. */
export interface TrapFrame {
  /** As in the module's name section, cut if it is long: mangled, if the compiler does that; undefined if there is none. */
  readonly name: string | undefined;
  /** Index of the function in its module. */
  readonly index: number;
  /** Offset in the module as larder has compiled it, such as `0x279`. */
  readonly offset: string;
}

/** Why a guest ended, as plain data that can be sent to threads. */
export interface TrapReport {
  /** One line. */
  readonly message: string;
  /** The innermost call first; empty if the guest itself was not running. */
  readonly frames: readonly TrapFrame[];
}

/** How large a memory is, and may become, in bytes. */
export interface MemoryUse {
  readonly size: number;
  readonly limit: number;
  /** True if the module itself has the limit, so that no option raises it. */
  readonly isOwnLimit: boolean;
}

/** A guest has trapped. */
export class GuestTrap extends Error {
  readonly frames: readonly TrapFrame[];

  constructor({ message, frames }: TrapReport, cause: unknown) {
    super(message, { cause });
    this.frames = frames;
  }
}

/** Limit on frames in a report; V8 has 10. */
const MAX_FRAMES = 30;

/** Characters of a name in a report; those of Rust's generics have a few hundred. */
const MAX_NAME = 1000;

/** The end of V8's text of a frame: `name (wasm://wasm/382b77f2:wasm-function[9]:0x279)`. Names can have any characters. */
const WASM_FRAME = /wasm:\/\/wasm\/.*:wasm-function\[(\d+)\]:(0x[0-9a-f]+)\)?$/s;

/** The part of V8's call sites that is used here. */
interface CallSite {
  /** Without the name of the module, which the text has before it. */
  getFunctionName(): string | null;
}

/** Prepares this thread to report traps. */
export function keepBacktraces(): void {
  Error.stackTraceLimit = MAX_FRAMES;
}

/**
 * Returns the error for a trap, with its frames.
 * @param error what the guest's call has thrown; its `stack` must not have been read before
 * @param memory the guest's largest memory
 */
export function guestTrap(error: unknown, memory?: MemoryUse): GuestTrap {
  return new GuestTrap(reportOf(error, memory), error);
}

/** Returns the report of an error, which can be sent to another thread. */
export function trapReport(error: unknown): TrapReport {
  const { message, frames } = error instanceof GuestTrap ? error : reportOf(error, undefined);
  return { message, frames };
}

function reportOf(error: unknown, memory: MemoryUse | undefined): TrapReport {
  const frames = framesOf(error);
  const message = messageOf(error);
  // A guest sees a memory that cannot grow, and most abort then. Many double a buffer, and need more than is left.
  const isFull = frames.length > 0 && memory && memory.size * 2 >= memory.limit;
  if (!isFull) return { message, frames };
  const { size, limit, isOwnLimit } = memory;
  const use = `probably for lack of memory: it has ${formatBytes(size)} of ${formatBytes(limit)}`;
  const remedy = isOwnLimit ? "its module allows no more" : "--max-memory allows more";
  return { message: `${message}, ${use}; ${remedy}`, frames };
}

/** Reads the frames as V8 itself formats them, because Deno's own text has the wrong index of the function. */
function framesOf(error: unknown): TrapFrame[] {
  if (!(error instanceof Error)) return [];
  const host = Error as unknown as {
    prepareStackTrace?: (error: Error, sites: CallSite[]) => unknown;
  };
  const before = host.prepareStackTrace;
  host.prepareStackTrace = (_, sites) => sites.flatMap(frameOf);
  try {
    const frames: unknown = error.stack;
    return Array.isArray(frames) ? frames : [];
  } finally {
    host.prepareStackTrace = before;
  }
}

function frameOf(site: CallSite): TrapFrame[] {
  const match = WASM_FRAME.exec(String(site));
  if (!match) return [];
  const name = site.getFunctionName()?.slice(0, MAX_NAME) || undefined;
  return [{ name, index: Number(match[1]), offset: match[2]! }];
}
