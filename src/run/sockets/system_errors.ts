import { messageOf } from "../../base/errors.ts";
import { type Failure, type FailureCode, SocketFailure } from "./messages.ts";

/** The codes that guests see, by the name of the system's error. */
const CODES: Readonly<Record<string, FailureCode>> = {
  EACCES: "access-denied",
  EPERM: "access-denied",
  EOPNOTSUPP: "not-supported",
  ENOTSUP: "not-supported",
  EAFNOSUPPORT: "not-supported",
  EINVAL: "invalid-argument",
  ENOMEM: "out-of-memory",
  ENOBUFS: "out-of-memory",
  ETIMEDOUT: "timeout",
  ENOTCONN: "invalid-state",
  EMFILE: "new-socket-limit",
  ENFILE: "new-socket-limit",
  EADDRNOTAVAIL: "address-not-bindable",
  EADDRINUSE: "address-in-use",
  EHOSTUNREACH: "remote-unreachable",
  EHOSTDOWN: "remote-unreachable",
  ENETUNREACH: "remote-unreachable",
  ENETDOWN: "remote-unreachable",
  ECONNREFUSED: "connection-refused",
  ECONNRESET: "connection-reset",
  ECONNABORTED: "connection-aborted",
  EMSGSIZE: "datagram-too-large",
  EPIPE: "broken-pipe",
  ENOTFOUND: "name-unresolvable",
  ENODATA: "name-unresolvable",
  EAI_AGAIN: "temporary-resolver-failure",
  EAI_FAIL: "permanent-resolver-failure",
};

/** Deno's error classes, for errors without a system code. */
const CLASSES: readonly (readonly [new (message?: string) => Error, FailureCode])[] = [
  [Deno.errors.NotCapable, "access-denied"],
  [Deno.errors.PermissionDenied, "access-denied"],
  [Deno.errors.AddrInUse, "address-in-use"],
  [Deno.errors.AddrNotAvailable, "address-not-bindable"],
  [Deno.errors.ConnectionRefused, "connection-refused"],
  [Deno.errors.ConnectionReset, "connection-reset"],
  [Deno.errors.ConnectionAborted, "connection-aborted"],
  [Deno.errors.NetworkUnreachable, "remote-unreachable"],
  [Deno.errors.NotConnected, "invalid-state"],
  [Deno.errors.TimedOut, "timeout"],
  [Deno.errors.BrokenPipe, "broken-pipe"],
];

/** Returns the failure that the guest sees for an error. */
export function failureOf(error: unknown): Failure {
  const message = messageOf(error);
  if (error instanceof SocketFailure) return { code: error.code, message };
  const { code } = error as { code?: unknown };
  const byCode = typeof code === "string" && Object.hasOwn(CODES, code) ? CODES[code] : undefined;
  const byClass = CLASSES.find(([type]) => error instanceof type)?.[1];
  return { code: byCode ?? byClass ?? "unknown", message };
}
