import assert from "node:assert/strict";
import { hasCode } from "../../../../src/base/errors.ts";
import { proxyFor } from "../../../../src/registry/http/proxy.ts";

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
  const what = expected ? "a proxy" : "none";
  Deno.test(`proxyFor returns ${what} for ${url} with ${JSON.stringify(env)}`, () => {
    const proxy = proxyFor(new URL(url), { get: (name) => env[name] });
    assert.equal(proxy?.href, expected ? `${PROXY}/` : undefined);
  });
}

/** URL, environment, and the proxy's address in full. */
const CHOICES: [string, Record<string, string>, string][] = [
  ["http://reg.test/", { HTTP_PROXY: PROXY, HTTPS_PROXY: "http://other.test" }, `${PROXY}/`],
  ["https://reg.test/", { HTTPS_PROXY: PROXY, ALL_PROXY: "http://all.test" }, "http://all.test/"],
  ["https://reg.test/", { HTTPS_PROXY: "proxy.test:3128" }, `${PROXY}/`],
  ["https://reg.test/", { HTTPS_PROXY: "socks5h://127.0.0.1:9050" }, "socks5h://127.0.0.1:9050"],
  ["https://reg.test/", { HTTPS_PROXY: "https://proxy.test" }, "https://proxy.test/"],
];

for (const [url, env, proxy] of CHOICES) {
  Deno.test(`proxyFor returns ${proxy} for ${url} with ${JSON.stringify(env)}`, () => {
    assert.equal(proxyFor(new URL(url), { get: (name) => env[name] })?.href, proxy);
  });
}

for (
  const value of [
    "::garbage",
    "ftp://p.test",
    "http://u:secret word@b:1",
    "http://p:99999",
    "http://",
    " ",
  ]
) {
  Deno.test(`proxyFor fails with LDR_CONFIG for HTTPS_PROXY="${value}"`, () => {
    const env = { get: (name: string) => name === "HTTPS_PROXY" ? value : undefined };
    assert.throws(
      () => proxyFor(new URL("https://reg.test/"), env),
      (error) =>
        hasCode(error, "LDR_CONFIG") && error.message.includes("HTTPS_PROXY") &&
        !error.message.includes("secret"),
    );
    assert.equal(proxyFor(new URL("http://reg.test/"), env), undefined);
    assert.equal(proxyFor(new URL("https://127.0.0.1/"), env), undefined);
  });
}
