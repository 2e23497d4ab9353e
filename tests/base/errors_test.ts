import assert from "node:assert/strict";
import fc from "fast-check";
import {
  ERROR_CODES,
  type ErrorCode,
  excerpt,
  hasCode,
  interrupted,
  LarderError,
  messageOf,
  shellWord,
  throwIfAborted,
} from "../../src/base/errors.ts";

/** Exit codes that docs/errors.md documents. */
const EXIT_CODES = new Set([1, 2, 3, 4, 5, 6, 7, 130]);

const failure = (message: string) => new LarderError("LDR_DISK", message, { hint: "look" });

Deno.test("ERROR_CODES: every code begins with LDR_ and has a documented exit code", () => {
  for (const [code, exitCode] of Object.entries(ERROR_CODES)) {
    assert.match(code, /^LDR_[A-Z_]+$/);
    assert.ok(EXIT_CODES.has(exitCode), code);
  }
});

const EXITS: [ErrorCode, number][] = [
  ["LDR_INTERNAL", 1],
  ["LDR_BAD_MANIFEST", 1],
  ["LDR_USAGE", 2],
  ["LDR_CONFIG", 2],
  ["LDR_BAD_REFERENCE", 2],
  ["LDR_NOT_FOUND", 3],
  ["LDR_NOT_CACHED", 3],
  ["LDR_NO_PLATFORM", 3],
  ["LDR_UNAUTHORIZED", 4],
  ["LDR_FORBIDDEN", 4],
  ["LDR_DIGEST_MISMATCH", 5],
  ["LDR_SIZE_MISMATCH", 5],
  ["LDR_UNREACHABLE", 6],
  ["LDR_TIMEOUT", 6],
  ["LDR_RATE_LIMITED", 6],
  ["LDR_TLS", 6],
  ["LDR_DISK", 7],
  ["LDR_DISK_FULL", 7],
  ["LDR_READ_ONLY", 7],
  ["LDR_PERMISSION", 7],
  ["LDR_INTERRUPTED", 130],
];

for (const [code, exitCode] of EXITS) {
  Deno.test(`${code} exits with ${exitCode}`, () => {
    assert.equal(new LarderError(code, "m", { hint: "h" }).exitCode, exitCode);
  });
}

Deno.test("LarderError has a cause only if one was given", () => {
  const cause = new Error("below");
  assert.equal(new LarderError("LDR_DISK", "m", { hint: "h", cause }).cause, cause);
  assert.equal("cause" in failure("m"), false);
});

Deno.test("hasCode matches the code of a LarderError and of no other error", () => {
  assert.equal(hasCode(failure("m"), "LDR_DISK"), true);
  assert.equal(hasCode(failure("m"), "LDR_TLS", "LDR_DISK"), true);
  assert.equal(hasCode(failure("m"), "LDR_TLS"), false);
  assert.equal(hasCode(Object.assign(new Error("m"), { code: "LDR_DISK" }), "LDR_DISK"), false);
  assert.equal(hasCode(undefined, "LDR_DISK"), false);
});

const MESSAGES: [unknown, string][] = [
  [new Error("one line"), "one line"],
  [new Error("first\nsecond"), "first"],
  [new Error(""), ""],
  ["thrown text", "thrown text"],
  [undefined, "undefined"],
  [null, "null"],
  [42, "42"],
];

for (const [thrown, text] of MESSAGES) {
  Deno.test(`messageOf returns ${Deno.inspect(text)} for ${Deno.inspect(String(thrown))}`, () => {
    assert.equal(messageOf(thrown), text);
  });
}

const HOSTILE: [string, string, string][] = [
  ["a terminal's escape sequence", "a\x1b[2J\x1b]0;title\x07b", "a [2J ]0;title b"],
  ["a forged second line", "bad\nerror: all is well [LDR_OK]", "bad error: all is well [LDR_OK]"],
  ["a carriage return", "secret\rharmless", "secret harmless"],
  ["the 8-bit escape", "a\x9b31mb", "a 31mb"],
  ["text that runs backwards", "exe\u202egnp", "exe gnp"],
  ["a line separator", "a\u2028b", "a b"],
];

for (const [name, message, expected] of HOSTILE) {
  Deno.test(`LarderError replaces ${name} in its message`, () => {
    assert.equal(failure(message).message, expected);
  });
}

Deno.test("LarderError makes any text one printable line", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    assert.doesNotMatch(failure(text).message, /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/u);
  }));
});

Deno.test("LarderError keeps letters of every script in its message", () => {
  assert.equal(failure("Über 数 🚢").message, "Über 数 🚢");
});

Deno.test("throwIfAborted throws LDR_INTERRUPTED only if the signal is aborted", () => {
  const stop = new AbortController();
  throwIfAborted(undefined);
  throwIfAborted(stop.signal);
  stop.abort();
  assert.throws(() => throwIfAborted(stop.signal), (error) => hasCode(error, "LDR_INTERRUPTED"));
});

Deno.test("interrupted says in its hint that the same command continues", () => {
  assert.match(interrupted().hint, /same command again/);
});

Deno.test("excerpt shortens a server's text and makes it printable", () => {
  assert.equal(excerpt("denied:\r\n\x1b[1mno"), "denied: [1mno");
  assert.equal(excerpt("x".repeat(200)), "x".repeat(200));
  assert.equal(excerpt("x".repeat(4 << 20)), "x".repeat(200) + "…");
});

/** A text, and the word that a shell reads as that text. */
const WORDS: [string, string][] = [
  ["/home/me/.cache/larder", "/home/me/.cache/larder"],
  ["ghcr.io/acme/app:v1@sha256:0a", "ghcr.io/acme/app:v1@sha256:0a"],
  ["/with space", "'/with space'"],
  ["~/x", "'~/x'"],
  ["it's $HOME", `'it'\\''s $HOME'`],
  ["", "''"],
];

for (const [text, word] of WORDS) {
  Deno.test(`shellWord returns ${word} for ${JSON.stringify(text)}`, () => {
    assert.equal(shellWord(text), word);
  });
}
