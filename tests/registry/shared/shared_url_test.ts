import assert from "node:assert/strict";
import { LarderError } from "../../../src/base/errors.ts";
import { parseSharedUrl } from "../../../src/registry/shared/shared_url.ts";

const GOOD: [text: string, expected: ReturnType<typeof parseSharedUrl>][] = [
  ["s3://bucket", { kind: "s3", bucket: "bucket", prefix: "" }],
  ["s3://my.bucket-1/", { kind: "s3", bucket: "my.bucket-1", prefix: "" }],
  ["s3://bucket/a/b.c_d", { kind: "s3", bucket: "bucket", prefix: "a/b.c_d/" }],
  ["oci://ghcr.io/acme/cache", {
    kind: "oci",
    location: { registry: "ghcr.io", path: "acme/cache" },
  }],
  ["oci://localhost:5000/cache/", {
    kind: "oci",
    location: { registry: "localhost:5000", path: "cache" },
  }],
];

for (const [text, expected] of GOOD) {
  Deno.test(`parseSharedUrl reads ${text}`, () => {
    assert.deepEqual(parseSharedUrl(text), expected);
  });
}

const BAD = [
  "",
  "bucket",
  "https://bucket/a",
  "s3://",
  "s3://a",
  "s3://bucket/a//b",
  "s3://bucket/../b",
  "s3://bucket/a b",
  "s3://bucket/ä",
  "s3://user:password@bucket/a",
  "s3://bucket?x=1",
  "oci://ghcr.io",
  "oci:///cache",
  "oci://ghcr.io/Cache",
];

for (const text of BAD) {
  Deno.test(`parseSharedUrl rejects "${text}"`, () => {
    assert.throws(() => parseSharedUrl(text), LarderError);
  });
}
