import assert from "node:assert/strict";
import { type ErrorCode, LarderError } from "../../src/base/errors.ts";
import { registerSecret } from "../../src/base/redact.ts";
import { BrokenPipe, writeErr, writeOut } from "../../src/cli/terminal/console.ts";
import { reportFailure } from "../../src/cli/report_error.ts";
import { captured } from "../support/cli/in_process.ts";

/** What is reported of an error, and the exit code. */
async function reported(error: unknown, verbose = false): Promise<[number, string]> {
  const { value, stdout, stderr } = await captured(() => reportFailure(error, verbose));
  assert.equal(stdout, "");
  return [value, stderr];
}

const failure = (code: ErrorCode, cause?: unknown) =>
  new LarderError(code, "cannot reach reg.test", { hint: "try again", cause });

const CODES: [ErrorCode, number][] = [
  ["LDR_USAGE", 2],
  ["LDR_NOT_FOUND", 3],
  ["LDR_UNAUTHORIZED", 4],
  ["LDR_DIGEST_MISMATCH", 5],
  ["LDR_UNREACHABLE", 6],
  ["LDR_DISK_FULL", 7],
  ["LDR_INTERRUPTED", 130],
];

for (const [code, exitCode] of CODES) {
  Deno.test(`reportFailure prints ${code} in two lines and returns ${exitCode}`, async () => {
    assert.deepEqual(await reported(failure(code)), [
      exitCode,
      `error: cannot reach reg.test [${code}]\nhint: try again\n`,
    ]);
  });
}

Deno.test("reportFailure prints every cause in a line with --verbose", async () => {
  const bottom = new Error("os error 111\nsecond line");
  const cause = new Error("connect failed", { cause: bottom });
  const [, text] = await reported(failure("LDR_UNREACHABLE", cause), true);
  assert.deepEqual(text.split("\n").slice(2), ["cause: connect failed", "cause: os error 111", ""]);
  const [, short] = await reported(failure("LDR_UNREACHABLE", cause));
  assert.doesNotMatch(short, /cause/);
});

for (const cause of ["text", null, 42]) {
  Deno.test(`reportFailure prints a cause that is not an error: ${cause}`, async () => {
    const [, text] = await reported(failure("LDR_UNREACHABLE", cause), true);
    assert.equal(text.split("\n")[2], `cause: ${cause}`);
  });
}

Deno.test("reportFailure ends on a circle of causes", async () => {
  const one = new Error("one");
  const other = new Error("other", { cause: one });
  one.cause = other;
  const [, text] = await reported(failure("LDR_UNREACHABLE", one), true);
  assert.deepEqual(text.split("\n").slice(2), ["cause: one", "cause: other", ""]);
});

const BUGS: [unknown, RegExp][] = [
  [
    new TypeError("x is not a function"),
    /^error: unexpected: x is not a function \[LDR_INTERNAL\]\n/,
  ],
  ["text", /^error: unexpected: text \[LDR_INTERNAL\]\n/],
  [undefined, /^error: unexpected: undefined \[LDR_INTERNAL\]\n/],
  [null, /^error: unexpected: null \[LDR_INTERNAL\]\n/],
];

for (const [thrown, text] of BUGS) {
  Deno.test(`reportFailure reports an unexpected error as a bug: ${thrown}`, async () => {
    const [code, stderr] = await reported(thrown);
    assert.equal(code, 1);
    assert.match(stderr, text);
    assert.match(stderr, /\nhint: this is a bug in larder: please report it/);
  });
}

Deno.test("reportFailure prints the stack of a bug with --verbose", async () => {
  const [, text] = await reported(new TypeError("x is not a function"), true);
  assert.match(text, /cause: TypeError: x is not a function\n\s+at .*report_error_test\.ts/);
});

Deno.test("reportFailure prints no secrets", async () => {
  registerSecret("open-sesame");
  const cause = new Error("GET https://me:pw@reg.test/?sig=abc with Bearer eyJhbGciOi.x");
  const error = new LarderError("LDR_UNREACHABLE", "said open-sesame", {
    hint: "forget open-sesame",
    cause,
  });
  const [, text] = await reported(error, true);
  assert.equal(
    text,
    "error: said *** [LDR_UNREACHABLE]\nhint: forget ***\n" +
      "cause: GET https://***@reg.test/?sig=*** with Bearer ***\n",
  );
});

/** Runs `body` while writing to a stream fails like this. */
async function whileFailing<T>(
  name: "stdout" | "stderr",
  error: Error,
  body: () => T,
): Promise<T> {
  const { value } = await captured(() => {
    Deno[name].writeSync = () => {
      throw error;
    };
    return body();
  });
  return value;
}

Deno.test("reportFailure returns 141 if the output pipe was closed", async () => {
  const gone = new Deno.errors.BrokenPipe("os error 32");
  await whileFailing("stdout", gone, () => {
    assert.throws(() => writeOut("data"), BrokenPipe);
  });
  assert.deepEqual(await reported(new BrokenPipe()), [141, ""]);
});

Deno.test("reportFailure returns the exit code if stderr was closed", async () => {
  const gone = new Deno.errors.BrokenPipe("os error 32");
  const code = await whileFailing("stderr", gone, () => reportFailure(failure("LDR_USAGE"), false));
  assert.equal(code, 2);
});

Deno.test("writeOut reports a full disk", async () => {
  const full = Object.assign(new Error("os error 28"), { code: "ENOSPC" });
  await whileFailing("stdout", full, () => {
    assert.throws(
      () => writeOut("data"),
      /^LarderError: cannot write to standard output: the disk is full$/,
    );
  });
});

Deno.test("writeErr writes all of a text if the system accepts a byte at a time", async () => {
  const taken: number[] = [];
  await captured(() => {
    Deno.stderr.writeSync = (bytes) => {
      taken.push(bytes[0]!);
      return 1;
    };
    writeErr("hü\n");
  });
  assert.deepEqual(new Uint8Array(taken), new TextEncoder().encode("hü\n"));
});
