import { wallNow } from "../clocks.ts";
import type { NewTimes } from "../filesystem/volume.ts";
import { unsigned } from "./guest.ts";
import { Errno } from "./errno.ts";

/** Source: WASI preview 1, `fstflags`: for each of the two, to set it to a time, or to now. */
const ACCESSED = { set: 1, now: 2 };
const MODIFIED = { set: 4, now: 8 };

export function newTimes(accessed: bigint, modified: bigint, flags: number): NewTimes {
  return { accessed: pick(accessed, flags, ACCESSED), modified: pick(modified, flags, MODIFIED) };
}

function pick(time: bigint, flags: number, { set, now }: typeof ACCESSED): bigint | undefined {
  if (flags & set && flags & now) throw new Errno("inval");
  if (flags & now) return wallNow();
  return flags & set ? unsigned(time) : undefined;
}
