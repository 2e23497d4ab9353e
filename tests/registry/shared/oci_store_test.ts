import assert from "node:assert/strict";
import { digestOf } from "../../../src/oci/hash.ts";
import type { HttpRequest } from "../../../src/registry/http/transport.ts";
import { contentOf } from "../../../src/registry/shared/content.ts";
import { OciStore } from "../../../src/registry/shared/oci_store.ts";
import { failureOf } from "../../support/failure_of.ts";
import { FakeTransport, response } from "../../support/registry/fake_transport.ts";

const BYTES = new TextEncoder().encode("content");
const DIGEST = digestOf(BYTES);
const OBJECT = { kind: "data", digest: DIGEST } as const;

/** Writes an object to a registry that answers the start of an upload with this location. */
async function put(location: string): Promise<FakeTransport> {
  const answer = ({ method }: HttpRequest) =>
    method === "HEAD"
      ? response(404)
      : method === "POST"
      ? response(202, { location })
      : response(201);
  const transport = new FakeTransport(answer);
  const store = new OciStore({
    name: "oci://reg.test/cache",
    location: { registry: "reg.test", path: "cache", isPlainHttp: false },
    client: { send: (_registry, _repository, request) => transport.send(request) },
  });
  const content = { ...contentOf(BYTES), mediaType: "a/b", contentDigest: DIGEST };
  await store.put(OBJECT, content, {});
  return transport;
}

for (const location of ["/v2/x/uploads/1", "http://reg.test/v2/x/uploads/1", "1?state=a"]) {
  Deno.test(`OciStore uploads by HTTPS to the registry itself (${location})`, async () => {
    const puts = (await put(location)).lines.filter((line) => line.startsWith("PUT"));
    assert.equal(puts.length, 3);
    for (const line of puts) assert.match(line, /^PUT https:\/\/reg\.test\/v2\//);
  });
}

for (const location of ["https://other.test/v2/x", "http://[", "//other.test/", "ftp:x"]) {
  Deno.test(`OciStore sends no content and no credentials to another host (${location})`, async () => {
    assert.equal((await failureOf(put(location))).code, "LDR_REDIRECT");
  });
}
