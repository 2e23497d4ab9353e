import assert from "node:assert/strict";
import {
  bareMediaType,
  isForeign,
  isSchema1,
  isWasm,
  MANIFEST_ACCEPT,
  type ManifestKind,
  manifestKind,
} from "../../src/oci/media_types.ts";
import { MEDIA_TYPES } from "../support/cache/artifacts.ts";

const SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1+prettyjws";

const KINDS: [string, ManifestKind | undefined][] = [
  [MEDIA_TYPES.ociManifest, "image"],
  [MEDIA_TYPES.dockerManifest, "image"],
  [MEDIA_TYPES.ociIndex, "index"],
  [MEDIA_TYPES.dockerManifestList, "index"],
  [SCHEMA_1, undefined],
  [MEDIA_TYPES.ociLayer, undefined],
  [MEDIA_TYPES.ociManifest.toUpperCase(), undefined],
  ["application/json", undefined],
  ["constructor", undefined],
  ["__proto__", undefined],
  ["", undefined],
];

for (const [mediaType, kind] of KINDS) {
  Deno.test(`manifestKind("${mediaType}") is ${kind}`, () => {
    assert.equal(manifestKind(mediaType), kind);
  });
}

Deno.test("MANIFEST_ACCEPT lists every media type that manifestKind knows, and no other", () => {
  const accepted = MANIFEST_ACCEPT.split(", ");
  assert.equal(accepted.length, 4);
  for (const mediaType of accepted) assert.ok(manifestKind(mediaType), mediaType);
});

Deno.test("isWasm is true for the media types of Wasm only", () => {
  for (const mediaType of [MEDIA_TYPES.wasm, MEDIA_TYPES.spinWasm]) assert.ok(isWasm(mediaType));
  for (
    const mediaType of [MEDIA_TYPES.wasmConfig, MEDIA_TYPES.spinData, MEDIA_TYPES.ociLayer, ""]
  ) {
    assert.equal(isWasm(mediaType), false, mediaType);
  }
});

Deno.test("isForeign is true for the foreign layers of Docker and of the image specification", () => {
  const { ociForeignLayer, dockerForeignLayer, ociLayer, dockerLayer } = MEDIA_TYPES;
  assert.deepEqual([ociForeignLayer, dockerForeignLayer].map(isForeign), [true, true]);
  assert.deepEqual([ociLayer, dockerLayer, ""].map(isForeign), [false, false, false]);
});

Deno.test("isSchema1 is true for Docker schema 1, signed or not", () => {
  const unsigned = "application/vnd.docker.distribution.manifest.v1+json";
  assert.deepEqual([SCHEMA_1, unsigned, MEDIA_TYPES.dockerManifest].map(isSchema1), [
    true,
    true,
    false,
  ]);
});

const HEADERS: [string | null | undefined, string][] = [
  ["text/html; charset=utf-8", "text/html"],
  [" Application/JSON ;x", "application/json"],
  ["application/wasm", "application/wasm"],
  [";", ""],
  ["", ""],
  [null, ""],
  [undefined, ""],
];

for (const [header, mediaType] of HEADERS) {
  Deno.test(`bareMediaType(${Deno.inspect(header)}) is "${mediaType}"`, () => {
    assert.equal(bareMediaType(header), mediaType);
  });
}
