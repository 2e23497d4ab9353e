import assert from "node:assert/strict";
import { LarderError } from "../../../src/base/errors.ts";
import { Tries } from "../../../src/base/tries.ts";
import type { BlobDescriptor } from "../../../src/oci/descriptor.ts";
import type { Fetcher } from "../../../src/oci/fetcher.ts";
import { SharedSource } from "../../../src/serve/blobs/shared_source.ts";
import { blob } from "../../support/cache/artifacts.ts";
import { SetClock } from "../../support/registry/test_service.ts";

const BLOB = blob("the content");
const DESCRIPTOR = BLOB.descriptor as BlobDescriptor;

type Outcome = "not found" | "unreachable" | "breaks off" | "too short" | "good";

/** A source whose requests have these outcomes in turn, the last one from then on. */
function sourceOf(name: string, asked: string[], ...outcomes: Outcome[]): Fetcher {
  return {
    async fetch(_descriptor, offset = 0) {
      await Promise.resolve();
      asked.push(name);
      const outcome = outcomes.length > 1 ? outcomes.shift()! : outcomes[0]!;
      if (outcome === "not found") throw new LarderError("LDR_NOT_FOUND", name, { hint: "" });
      if (outcome === "unreachable") throw unreachable(name);
      async function* chunks() {
        await Promise.resolve();
        yield BLOB.bytes.subarray(offset, outcome === "good" ? undefined : offset + 1);
        if (outcome === "breaks off") throw unreachable(name);
      }
      return { offset, chunks: chunks() };
    },
  };
}

function unreachable(name: string): LarderError {
  return new LarderError("LDR_UNREACHABLE", name, { hint: "" });
}

/** Reads to the end; returns the number of bytes, or the message of the failure. */
async function read(source: SharedSource, tries?: Tries): Promise<number | string> {
  let length = 0;
  try {
    for await (const chunk of (await source.fetch(DESCRIPTOR, 0, { tries })).chunks) {
      length += chunk.length;
    }
    return length;
  } catch (error) {
    assert(error instanceof LarderError);
    return error.message;
  }
}

const ALL = BLOB.bytes.length;

const CASES: [outcomes: Record<string, Outcome[]>, results: (number | string)[], asked: string][] =
  [
    [{ a: ["good"], b: ["good"] }, [ALL, ALL], "a a"],
    [{ a: ["not found"], b: ["good"] }, [ALL, ALL], "a b b"],
    [{ a: ["unreachable", "good"], b: ["not found"] }, ["a", ALL], "a b a"],
    [{ a: ["not found"], b: ["unreachable"] }, ["b", "b"], "a b b"],
    [{ a: ["breaks off"], b: ["too short"], c: ["good"] }, ["a", 1, ALL], "a b c"],
    [{ a: ["not found"] }, ["a", "a"], "a a"],
  ];

Deno.test("SharedSource asks another repository after each failure", async () => {
  for (const [outcomes, results, expected] of CASES) {
    const asked: string[] = [];
    const source = new SharedSource();
    for (const [name, own] of Object.entries(outcomes)) {
      source.add(name, sourceOf(name, asked, ...own));
      source.add(name, sourceOf("again", asked, ...own));
    }
    const actual = [];
    for (const _ of results) actual.push(await read(source));
    assert.deepEqual([actual, asked.join(" ")], [results, expected]);
  }
});

Deno.test("SharedSource gives all tries to the others, once for each that fails", async () => {
  const tries = new Tries(new SetClock());
  const source = new SharedSource();
  for (const name of ["a", "b"]) source.add(name, sourceOf(name, [], "breaks off"));
  let count = 0;
  do {
    count++;
    await read(source, tries);
  } while (tries.next());
  assert.equal(count, 2 + 4);
});

Deno.test("SharedSource rejects wrong bytes only if there is another place", async () => {
  const asked: string[] = [];
  const source = new SharedSource();
  source.add("a", sourceOf("a", asked, "good"));
  const stream = await source.fetch(DESCRIPTOR);
  assert.equal(stream.reject, undefined);
  source.add("b", sourceOf("b", asked, "good"));
  stream.reject!(unreachable("wrong"));
  await read(source);
  assert.deepEqual(asked, ["a", "b"]);
});
