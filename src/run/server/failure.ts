import { LarderError } from "../../base/errors.ts";
import type { TrapFrame, TrapReport } from "../engine/trap_report.ts";

/** A request got no complete response from its guest. */
export class GuestFailure extends Error {
  /**
   * HTTP status: 500 if the guest failed, 503 if the server is stopping, 504 if the guest did not answer in time. 499
   * is nginx's status for a client that disconnected; only logs show it.
   */
  readonly status: 499 | 500 | 503 | 504;
  /** The calls of a guest that has trapped. */
  readonly frames: readonly TrapFrame[];

  constructor(
    status: GuestFailure["status"],
    message: string,
    frames: GuestFailure["frames"] = [],
  ) {
    super(message);
    this.status = status;
    this.frames = frames;
  }
}

export function guestFailed({ message, frames }: TrapReport): GuestFailure {
  return new GuestFailure(500, message, frames);
}

export function clientDisconnected(): GuestFailure {
  return new GuestFailure(499, "the client disconnected");
}

export function responseTimedOut(): GuestFailure {
  return new GuestFailure(504, "the guest did not answer in time");
}

export function startTimedOut(): GuestFailure {
  return new GuestFailure(504, "it did not start in time");
}

export function serverStopping(): GuestFailure {
  return new GuestFailure(503, "the server is stopping");
}

/** Returns the error for a component of which no instance can be created. */
export function cannotLoad(message: string): LarderError {
  return new LarderError("LDR_GUEST", `cannot load the component: ${message}`, {
    hint:
      "it may need features that the embedded engine lacks: try --engine wasmtime, or --engine spin for a Spin app",
  });
}
