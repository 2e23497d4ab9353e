/** Why a request got no response of the guest's own, or not all of it. */
export class GuestFailure extends Error {
  /**
   * What HTTP says of it: 500 for a guest that failed, 503 where the server is stopping, 504 for a guest that did
   * not answer in time. 499, which only logs see, is nginx's for a client that has gone.
   */
  readonly status: 499 | 500 | 503 | 504;

  constructor(status: GuestFailure["status"], message: string) {
    super(message);
    this.status = status;
  }
}

export function clientDisconnected(): GuestFailure {
  return new GuestFailure(499, "the client has gone");
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
