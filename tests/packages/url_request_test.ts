import assert from "node:assert/strict";
import fc from "fast-check";
import { LarderError } from "../../src/base/errors.ts";
import { requestForUrl } from "../../src/packages/url_request.ts";
import { packageName } from "../../src/store/entries/package_record.ts";
import { isPathPart } from "../../src/store/layout.ts";

/** URLs of real packages, with the source, name, version and architecture that they state, and the name of the file. */
const URLS: readonly (readonly [url: string, name: string, fileName: string])[] = [
  [
    "http://deb.debian.org/debian/pool/main/h/hello/hello_2.10-3_amd64.deb",
    "deb.debian.org/debian hello 2.10-3 amd64",
    "hello_2.10-3_amd64.deb",
  ],
  [
    "https://deb.debian.org/debian/pool/main/v/vim/vim_2%3a9.0.1378-2_amd64.deb",
    "deb.debian.org/debian vim 2:9.0.1378-2 amd64",
    "vim_2%3a9.0.1378-2_amd64.deb",
  ],
  [
    "http://mirror:8080/debs/vim_2%253a9.0.1378-2_amd64.deb",
    "mirror:8080/debs vim 2:9.0.1378-2 amd64",
    "vim_2%3a9.0.1378-2_amd64.deb",
  ],
  [
    "https://packages.microsoft.com/debian/12/prod/pool/main/d/dotnet-host/dotnet-host_8.0.2-1_amd64.deb",
    "packages.microsoft.com/debian/12/prod dotnet-host 8.0.2-1 amd64",
    "dotnet-host_8.0.2-1_amd64.deb",
  ],
  [
    "https://dl.fedoraproject.org/pub/fedora/linux/releases/40/Everything/x86_64/os/Packages/b/bash-5.2.26-3.fc40.x86_64.rpm",
    "dl.fedoraproject.org/pub/fedora/linux/releases/40/Everything/x86_64/os bash 5.2.26-3.fc40 x86_64",
    "bash-5.2.26-3.fc40.x86_64.rpm",
  ],
  [
    "https://dl-cdn.alpinelinux.org/alpine/v3.20/main/aarch64/busybox-1.36.1-r29.apk",
    "dl-cdn.alpinelinux.org/alpine/v3.20/main busybox 1.36.1-r29 aarch64",
    "busybox-1.36.1-r29.apk",
  ],
  [
    "https://registry.npmjs.org/commander/-/commander-15.1.0.tgz",
    "registry.npmjs.org commander 15.1.0 any",
    "commander-15.1.0.tgz",
  ],
  [
    "https://registry.npmjs.org/@types/node/-/node-20.11.30.tgz",
    "registry.npmjs.org @types/node 20.11.30 any",
    "node-20.11.30.tgz",
  ],
  [
    "https://npm.corp.example/repository/all/@types%2fnode/-/node-20.11.30.tgz",
    "npm.corp.example/repository/all @types/node 20.11.30 any",
    "node-20.11.30.tgz",
  ],
  [
    "https://npm.corp.example/repository/all/@babel/core/-/core-7.24.0.tgz",
    "npm.corp.example/repository/all @babel/core 7.24.0 any",
    "core-7.24.0.tgz",
  ],
  [
    "https://files.pythonhosted.org/packages/70/8e/0e2d847013cb52cd35b38c009bb167a1a26b2ce6cd6965bf26b47bc0bf44/requests-2.31.0-py3-none-any.whl",
    "files.pythonhosted.org requests 2.31.0 py3-none-any",
    "requests-2.31.0-py3-none-any.whl",
  ],
  [
    "https://static.crates.io/crates/serde/serde-1.0.203.crate",
    "static.crates.io serde 1.0.203 any",
    "serde-1.0.203.crate",
  ],
  [
    "https://crates.io/api/v1/crates/serde/1.0.203/download",
    "crates.io/api/v1 serde 1.0.203 any",
    "serde-1.0.203.crate",
  ],
  [
    "https://user:secret@example.com/install.sh?x=1#part",
    "url https://example.com/install.sh?x=1 - any",
    "install.sh",
  ],
  ["https://example.com/", "url https://example.com/ - any", "example.com"],
];

for (const [url, name, fileName] of URLS) {
  Deno.test(`requestForUrl names the package at ${url}`, () => {
    const request = requestForUrl(url);
    assert.equal(Object.values(request.id).join(" "), name);
    assert.equal(request.fileName, fileName);
  });
}

Deno.test("requestForUrl puts what the user states before what the file name states", () => {
  const url = "http://mirror/hello_2.10-3_amd64.deb";
  const naming = { name: "hi", version: "1", arch: "x", source: "debian" };
  assert.deepEqual(requestForUrl(url, naming).id, naming);
  assert.equal(packageName(requestForUrl(url, { version: "9" }).id), "mirror/hello/9/amd64");
  const other = requestForUrl("http://mirror/a/tool.bin", { name: "tool", version: "1" });
  assert.equal(packageName(other.id), "mirror/a/tool/1/any");
});

Deno.test("requestForUrl keeps secrets out of the name of a package", () => {
  const { id } = requestForUrl("https://me:hunter22@example.com/a.bin?sig=abcdefgh");
  assert.doesNotMatch(packageName(id), /hunter22|abcdefgh|me:/);
});

Deno.test("requestForUrl tells URLs apart that differ only in what is hidden of them", () => {
  const urls = ["?key=a", "?key=b", "?keyring=a", "?code=a&v=1", ""].map((query) =>
    `https://user:password@example.com/get${query}`
  );
  const names = urls.map((url) => packageName(requestForUrl(url).id));
  assert.equal(new Set(names).size, urls.length);
  assert.deepEqual(urls.map((url) => packageName(requestForUrl(url).id)), names);
});

Deno.test("requestForUrl rejects what is no URL of a package, and names that the cache cannot have", () => {
  for (const url of ["", "hello", "ftp://host/a.deb", "/tmp/a.deb", "http://"]) {
    assert.throws(() => requestForUrl(url), isUsage, url);
  }
  for (const naming of [{ name: "" }, { version: "é".repeat(100) }, { source: "a\ud800" }]) {
    assert.throws(() => requestForUrl("http://mirror/a_1_all.deb", naming), isUsage);
  }
});

Deno.test("requestForUrl gives every URL a name and a file name that cannot leave a folder", () => {
  fc.assert(fc.property(fc.webUrl({ withQueryParameters: true }), fc.string(), (url, part) => {
    const { id, fileName } = requestForUrl(
      `${url.split("?")[0]}/${encodeURIComponent(part.toWellFormed())}`,
    );
    for (const value of Object.values(id)) assert.ok(isPathPart(value), value);
    assert.doesNotMatch(fileName, /[/\\\0:]/);
    assert.ok(fileName !== "" && fileName !== "." && fileName !== "..");
  }));
});

Deno.test("requestForUrl gives long URLs that differ at their end different names", () => {
  const long = `https://example.com/${"x".repeat(400)}`;
  const { fileName } = requestForUrl(long);
  assert.ok(fileName.length < 250 && fileName.startsWith("xxx"), fileName);
  const [one, other] = ["1", "2"].map((end) => packageName(requestForUrl(long + end).id));
  assert.notEqual(one, other);
  assert.equal(packageName(requestForUrl(`${long}1`).id), one);
});

function isUsage(error: unknown): boolean {
  return error instanceof LarderError && error.code === "LDR_USAGE";
}
