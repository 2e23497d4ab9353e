import assert from "node:assert/strict";
import { hasCode } from "../../../src/base/errors.ts";
import { parseLocation, placeAt } from "../../../src/registry/mirrors/location.ts";
import { manifestUrl } from "../../../src/registry/endpoints.ts";

const URLS: [location: string, url: string][] = [
  ["mirror.lan", "https://mirror.lan/v2/acme/app/manifests/v1"],
  ["MIRROR.lan:5000/", "https://mirror.lan:5000/v2/acme/app/manifests/v1"],
  ["https://mirror.lan/a/b/", "https://mirror.lan/v2/a/b/acme/app/manifests/v1"],
  ["http://mirror.lan", "http://mirror.lan/v2/acme/app/manifests/v1"],
  ["localhost:5000/ghcr.io", "https://localhost:5000/v2/ghcr.io/acme/app/manifests/v1"],
  ["localhost:5000/lan:5001", "https://localhost:5000/v2/lan:5001/acme/app/manifests/v1"],
  ["docker.io", "https://registry-1.docker.io/v2/acme/app/manifests/v1"],
];

for (const [location, url] of URLS) {
  Deno.test(`a mirror at ${location} has the repository below its path`, () => {
    assert.equal(manifestUrl(placeAt(parseLocation(location), "/acme/app")!, "v1").href, url);
  });
}

for (
  const text of ["", "/", "http://", "a b", "a.test/B", "a.test/../x", "a.test//x", "u:p@a.test"]
) {
  Deno.test(`"${text}" is no location of a mirror`, () => {
    assert.throws(() => parseLocation(text), (error) => hasCode(error, "LDR_BAD_REFERENCE"));
  });
}
