/** Manifests from a malicious registry. */
import assert from "node:assert/strict";
import fc from "fast-check";
import { LarderError } from "../../src/base/errors.ts";
import { MAX_MANIFEST, parseManifest, successors } from "../../src/oci/manifest.ts";
import { image, index, MEDIA_TYPES } from "../support/cache/artifacts.ts";

const { ociManifest, ociIndex, dockerManifest } = MEDIA_TYPES;
const encode = (text: string) => new TextEncoder().encode(text);
const bytesOf = (document: unknown) => encode(JSON.stringify(document));
const documentOf = ({ bytes }: { bytes: Uint8Array }) => {
  const { mediaType: _, ...document } = JSON.parse(new TextDecoder().decode(bytes));
  return document;
};
const IMAGE = documentOf(image(["one", "two"]));
const INDEX = documentOf(index([{ artifact: image(["one"]) }]));

const parse = (document: unknown, contentType?: string | null) =>
  parseManifest(bytesOf(document), "example/app", contentType);

Deno.test("parseManifest puts neither long texts nor control characters of a manifest into its message", () => {
  const mediaType = "\x1b[2J\nerror: all is well" + "x".repeat(100_000);
  for (const document of [{ ...IMAGE, mediaType }, { ...IMAGE, schemaVersion: mediaType }]) {
    assert.throws(() => parse(document), (error) => {
      const { message } = error as LarderError;
      // deno-lint-ignore no-control-regex
      return error instanceof LarderError && message.length < 400 && !/[\x00-\x1f]/.test(message);
    });
  }
});

const NESTED: [string, string, string][] = [
  ["arrays", "[", "]"],
  ["objects", '{"a":', "}"],
  ["layers", '{"layers":[', "]}"],
  ["annotations", '{"annotations":{"a":', "}}"],
];

for (const [name, open, close] of NESTED) {
  Deno.test(`parseManifest rejects ${name} nested to the size limit`, () => {
    const depth = Math.floor(MAX_MANIFEST / (open.length + close.length) / 2);
    const nested = open.repeat(depth) + "1" + close.repeat(depth);
    const inside = JSON.stringify(IMAGE).replace('"layers":', `"layers":${nested},"x":`);
    for (const text of [nested, open.repeat(depth), inside]) {
      assert.throws(() => parseManifest(encode(text), "x"), LarderError);
    }
  });
}

const isLarderErrorOrNone = (run: () => unknown) => {
  try {
    run();
  } catch (error) {
    assert.ok(error instanceof LarderError, Deno.inspect(error));
  }
};

const contentType = fc.constantFrom(null, "", "text/html", ociManifest, ociIndex, dockerManifest);

Deno.test("parseManifest fails only with a LarderError for any bytes", () => {
  fc.assert(fc.property(fc.uint8Array(), contentType, (bytes, contentType) => {
    isLarderErrorOrNone(() => parseManifest(bytes, "x", contentType));
  }));
});

const hostileValue = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>(
    null,
    -1,
    1e400,
    "",
    "..",
    [],
    {},
    [[]],
    [{}],
    IMAGE,
    INDEX,
    IMAGE.config,
  ),
);
const key = fc.oneof(
  fc.constantFrom(..."mediaType config layers manifests annotations schemaVersion".split(" ")),
  fc.constantFrom("__proto__", "constructor", "toString", "platform", "digest", "size"),
  fc.string(),
);

Deno.test("parseManifest fails only with a LarderError for any JSON", () => {
  const document = fc.dictionary(key, hostileValue).chain((members) =>
    fc.constantFrom(members, { ...IMAGE, ...members }, { ...INDEX, ...members })
  );
  fc.assert(
    fc.property(document, contentType, (document, contentType) => {
      isLarderErrorOrNone(() => successors(parse(document, contentType)));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("parseManifest fails only with a LarderError for any damaged byte", () => {
  const good = bytesOf({ ...IMAGE, mediaType: ociManifest, annotations: { a: "b" } });
  fc.assert(fc.property(fc.nat(good.length - 1), fc.nat(255), (at, byte) => {
    const damaged = good.slice();
    damaged[at] = byte;
    isLarderErrorOrNone(() => parseManifest(damaged, "x"));
  }));
});

Deno.test("parseManifest does not change JavaScript's prototypes", () => {
  parseManifest(encode(`{"__proto__":{"polluted":1},${JSON.stringify(IMAGE).slice(1)}`), "x");
  const text = JSON.stringify({ ...IMAGE, annotations: { x: "y" } });
  isLarderErrorOrNone(() => parseManifest(encode(text.replace('"x"', '"__proto__"')), "x"));
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

Deno.test("parseManifest stops at the first of two million invalid layers", () => {
  const text = JSON.stringify(IMAGE).replace('"layers":[', `"layers":[${"0,".repeat(2_000_000)}`);
  const before = Deno.memoryUsage().heapUsed;
  assert.throws(() => parseManifest(encode(text), "x"), /layers\.0/);
  const used = Deno.memoryUsage().heapUsed - before;
  assert.ok(used < 300 * 1024 ** 2, `${used} bytes of memory were used`);
});
