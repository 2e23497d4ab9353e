/** Why a request got no response of the guest's own, or not all of it. */
export class GuestFailure extends Error {
  /** What HTTP says of it: 500 for a guest that failed, 504 for one that did not answer in time. */
  readonly status: 500 | 504;

  constructor(status: 500 | 504, message: string) {
    super(message);
    this.status = status;
  }
}

export function notInTime(): GuestFailure {
  return new GuestFailure(504, "the guest did not answer in time");
}

export function neverReady(): GuestFailure {
  return new GuestFailure(504, "it did not start in time");
}

export function stopping(): GuestFailure {
  return new GuestFailure(500, "the server is stopping");
}
