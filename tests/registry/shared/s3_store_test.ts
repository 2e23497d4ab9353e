import assert from "node:assert/strict";
import { digestOf } from "../../../src/oci/hash.ts";
import { S3Store } from "../../../src/registry/shared/s3_store.ts";
import { failureOf } from "../../support/failure_of.ts";
import {
  type FakeResponse,
  FakeTransport,
  response,
} from "../../support/registry/fake_transport.ts";

const OBJECT = { kind: "data", digest: digestOf(new Uint8Array()) } as const;

function storeOf(answer: FakeResponse): S3Store {
  return new S3Store({
    name: "s3://bucket",
    bucket: "bucket",
    prefix: "",
    endpoint: new URL("https://s3.us-east-1.amazonaws.com"),
    region: "us-east-1",
    credentials: () => Promise.resolve({ accessKeyId: "A", secretAccessKey: "of-a" }),
    transport: new FakeTransport(answer),
  });
}

for (const status of [301, 400]) {
  Deno.test(`S3Store says where the bucket is if the region is wrong (${status})`, async () => {
    const store = storeOf(response(status, { "x-amz-bucket-region": "eu-central-1" }));
    const error = await failureOf(store.has(OBJECT));
    assert.match(error.message, new RegExp(`answered ${status}.*: the bucket is in eu-central-1$`));
    assert.equal(error.hint, "set shared.region to eu-central-1");
  });
}

Deno.test("S3Store takes a missing object for a miss, and a missing bucket for a failure", async () => {
  const missing = (code: string) => storeOf(response(404, {}, `<Code>${code}</Code>`));
  assert.equal((await failureOf(missing("NoSuchKey").get(OBJECT, {}))).code, "LDR_NOT_FOUND");
  const error = await failureOf(missing("NoSuchBucket").get(OBJECT, {}));
  assert.equal(error.code, "LDR_BAD_RESPONSE");
});
