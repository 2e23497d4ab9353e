import { FileError, type FileErrorCode } from "../filesystem/error.ts";

/** The error numbers that functions return, zero for success. Source: WASI preview 1, `errno`. */
export const ERRNO = {
  success: 0,
  again: 6,
  badf: 8,
  fault: 21,
  inval: 28,
  io: 29,
  nametoolong: 37,
  nomem: 48,
  nosys: 52,
  notdir: 54,
  notsock: 57,
  notsup: 58,
  pipe: 64,
  spipe: 70,
  notcapable: 76,
} as const;

/** The error numbers of WASI 0.2's file errors. */
const BY_FILE_ERROR: Readonly<Record<FileErrorCode, number>> = {
  "access": 2,
  "bad-descriptor": ERRNO.badf,
  "busy": 10,
  "cross-device": 75,
  "exist": 20,
  "file-too-large": 22,
  "illegal-byte-sequence": 25,
  "insufficient-memory": ERRNO.nomem,
  "insufficient-space": 51,
  "interrupted": 27,
  "invalid": ERRNO.inval,
  "invalid-seek": ERRNO.spipe,
  "io": ERRNO.io,
  "is-directory": 31,
  "loop": 32,
  "name-too-long": ERRNO.nametoolong,
  "no-entry": 44,
  "not-directory": ERRNO.notdir,
  "not-empty": 55,
  "not-permitted": 63,
  "overflow": 61,
  "quota": 19,
  "read-only": 69,
  "text-file-busy": 74,
  "too-many-links": 34,
  "unsupported": ERRNO.notsup,
  "would-block": ERRNO.again,
};

/** The failure of a function of preview 1. */
export class Errno extends Error {
  readonly number: number;

  constructor(name: keyof typeof ERRNO) {
    super(name);
    this.number = ERRNO[name];
  }
}

/** Returns the error number of an error; throws it if it has none, as traps and faults of the host. */
export function errnoOf(error: unknown): number {
  if (error instanceof Errno) return error.number;
  if (error instanceof FileError) return BY_FILE_ERROR[error.payload];
  throw error;
}
