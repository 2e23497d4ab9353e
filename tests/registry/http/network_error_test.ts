import assert from "node:assert/strict";
import { type ErrorCode, hasCode, LarderError } from "../../../src/base/errors.ts";
import { networkError, timedOut } from "../../../src/registry/http/network_error.ts";

const sending = (text: string) =>
  new TypeError("fetch failed", {
    cause: new Error(
      `error sending request for url (https://r.test/tls/certificate?sig=s): ${text}`,
    ),
  });

/** Name, the runtime's error, and the code and message that it is converted to. */
const ERRORS: [string, Error, ErrorCode, RegExp][] = [
  [
    "an unknown host",
    sending("client error (Connect): dns error: failed to lookup address information"),
    "LDR_DNS",
    /^cannot resolve the host r\.test$/,
  ],
  [
    "a refused connection",
    sending("client error (Connect): tcp connect error: Connection refused (os error 111)"),
    "LDR_UNREACHABLE",
    /^cannot reach r\.test: Connection refused$/,
  ],
  [
    "a refused connection that is said twice",
    sending(
      "client error (Connect): tcp connect error: Connection refused (os error 111): Connection refused (os error 111)",
    ),
    "LDR_UNREACHABLE",
    /^cannot reach r\.test: Connection refused$/,
  ],
  ...[
    "invalid HTTP header parsed",
    "invalid content-length parsed",
    "invalid HTTP version parsed",
    "message head is too large",
  ].map((text): [string, Error, ErrorCode, RegExp] => [
    text,
    sending(`client error (SendRequest): ${text}`),
    "LDR_BAD_RESPONSE",
    /^bad answer of r\.test: (?:invalid|message)/,
  ]),
  [
    "an unknown issuer",
    sending("client error (Connect): invalid peer certificate: UnknownIssuer"),
    "LDR_TLS",
    /^no secure connection to r\.test: invalid peer certificate: UnknownIssuer$/,
  ],
  [
    "a TLS alert",
    sending("client error (Connect): received fatal alert: ProtocolVersion"),
    "LDR_TLS",
    /alert/,
  ],
  ["an old TLS", sending("client error (Connect): peer is incompatible: x"), "LDR_TLS", /peer/],
  [
    "plain HTTP",
    sending("client error (Connect): received corrupt message of type InvalidContentType"),
    "LDR_TLS",
    /corrupt/,
  ],
  [
    "a handshake broken off",
    sending("client error (Connect): tls handshake eof"),
    "LDR_UNREACHABLE",
    /eof/,
  ],
  [
    "a broken body",
    new TypeError("error reading a body from connection"),
    "LDR_UNREACHABLE",
    /^the connection to r\.test broke off$/,
  ],
];

for (const [name, thrown, code, message] of ERRORS) {
  Deno.test(`networkError converts ${name} to ${code}`, () => {
    const error = networkError(thrown, new URL("https://r.test/tls/certificate?sig=s"));
    assert.ok(hasCode(error, code), Deno.inspect(error));
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /sig=/);
    assert.equal(error.cause, thrown);
  });
}

Deno.test("networkError returns a LarderError and any other value unchanged", () => {
  const own = new LarderError("LDR_BUSY", "busy", { hint: "wait" });
  for (const thrown of [own, "text", undefined]) {
    assert.equal(networkError(thrown, new URL("https://r.test/")), thrown);
  }
});

Deno.test("timedOut names the timeout in seconds", () => {
  assert.equal(
    timedOut(new URL("https://r.test:5000/x?sig=s"), 30_000).message,
    "r.test:5000 sent nothing for 30 s",
  );
});
