import { blob, digestOf, randomBytes, type TestBlob, utf8 } from "./artifacts.ts";
import { DAY, type TestCache } from "./test_cache.ts";

/** Packages of several package managers, and builds, as larder names them: in listings and in commands. */

export const DEBIAN = "http://deb.debian.org/debian trixie main";
export const FEDORA = "https://mirror.example/fedora/43/Everything/x86_64/os";

/** Source, name, version, architecture, and days since the last use. */
const PACKAGES: readonly (readonly [readonly string[], days: number])[] = [
  [[DEBIAN, "hello", "2.10-3", "amd64"], 2],
  [[DEBIAN, "libc6", "2.41-12", "amd64"], 40],
  [[DEBIAN, "libc6", "2.41-13", "amd64"], 3],
  [[DEBIAN, "libstdc++6", "1:14.2.0-19", "amd64"], 3],
  [[FEDORA, "bash", "5.3.0-2.fc43", "x86_64"], 5],
  [["https://registry.npmjs.org", "@types/node", "24.0.1", "any"], 10],
  [["url", "https://files.example/tool.wasm", "1.0", "wasm"], 10],
];

/** Name, specification, and days since the last use. */
const BUILDS: readonly (readonly [name: string, spec: string, days: number])[] = [
  ["hello-image", "one", 8],
  ["hello-image", "two", 1],
  ["router-image", "three", 45],
];

/** The digests of the specifications. */
export const KEYS = {
  one: digestOf(utf8("one")),
  two: digestOf(utf8("two")),
  three: digestOf(utf8("three")),
} as const;

export const ROUTER = blob(randomBytes(20_000, "three"), "application/octet-stream");

/** The file of a package that {@link addPackagesAndBuilds} writes. */
export function packageFile(name: string, version: string): TestBlob {
  return blob(randomBytes(3000, name + version), "application/vnd.debian.binary-package");
}

/** Writes the packages and builds to a cache. */
export function addPackagesAndBuilds(cache: TestCache): void {
  for (const [id, days] of PACKAGES) {
    const [, name, version] = id as [string, string, string];
    const more = { url: `http://mirror.example/${name}`, vouchedBy: KEYS.one };
    cache.package(id, packageFile(name, version), { used: days * DAY }, more);
  }
  for (const [name, spec, days] of BUILDS) {
    const file = name === "router-image"
      ? ROUTER
      : blob(randomBytes(9000, spec), "application/octet-stream");
    cache.build(name, KEYS[spec as keyof typeof KEYS], file, { used: days * DAY });
  }
}
