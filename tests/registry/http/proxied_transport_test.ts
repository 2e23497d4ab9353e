import assert from "node:assert/strict";
import { isProxied } from "../../../src/registry/http/proxy.ts";

const PROXY = "http://proxy.test:3128";

/** URL, environment, and whether a proxy is used. */
const CASES: [string, Record<string, string>, boolean][] = [
  ["https://reg.test/", {}, false],
  ["https://reg.test/", { HTTP_PROXY: PROXY }, false],
  ["https://reg.test/", { HTTPS_PROXY: "" }, false],
  ["https://reg.test/", { HTTPS_PROXY: PROXY }, true],
  ["https://reg.test/", { https_proxy: PROXY }, true],
  ["https://reg.test/", { ALL_PROXY: PROXY }, true],
  ["https://reg.test/", { all_proxy: PROXY, NO_PROXY: "" }, true],
  ["https://localhost/", { ALL_PROXY: PROXY }, false],
  ["https://reg.test/", { ALL_PROXY: PROXY, NO_PROXY: "*" }, false],
  ["https://reg.test/", { ALL_PROXY: PROXY, NO_PROXY: "x, REG.test" }, false],
  ["https://reg.test/", { ALL_PROXY: PROXY, no_proxy: "reg.test" }, false],
  ["https://a.reg.test/", { ALL_PROXY: PROXY, NO_PROXY: "reg.test" }, false],
  ["https://a.reg.test/", { ALL_PROXY: PROXY, NO_PROXY: ".reg.test" }, false],
  ["https://areg.test/", { ALL_PROXY: PROXY, NO_PROXY: "reg.test" }, true],
  ["https://reg.test:5000/", { ALL_PROXY: PROXY, NO_PROXY: "reg.test:5000" }, false],
  ["https://reg.test:5000/", { ALL_PROXY: PROXY, NO_PROXY: "reg.test:5001" }, true],
  ["https://10.1.2.3/", { ALL_PROXY: PROXY, NO_PROXY: "10.1.2.3" }, false],
  ["https://10.1.2.3/", { ALL_PROXY: PROXY, NO_PROXY: "10.0.0.0/8" }, false],
  ["https://11.1.2.3/", { ALL_PROXY: PROXY, NO_PROXY: "10.0.0.0/8,10.0.0.0/99,/8,10" }, true],
  ["https://[fd00::7]/", { ALL_PROXY: PROXY, NO_PROXY: "fd00::/8" }, false],
  ["https://[fe80::7]/", { ALL_PROXY: PROXY, NO_PROXY: "fd00::/8" }, true],
];

for (const [url, env, expected] of CASES) {
  Deno.test(`isProxied is ${expected} for ${url} with ${JSON.stringify(env)}`, () => {
    assert.equal(isProxied(new URL(url), { get: (name) => env[name] }), expected);
  });
}
