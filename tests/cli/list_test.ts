import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatBytes } from "../../src/base/units.ts";
import { localTime } from "../../src/cli/output/table.ts";
import { type Artifact, image } from "../support/artifacts.ts";
import { larder } from "../support/in_process.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const PULLED = "2026-01-02T03:04:05.000Z";
const ONE = image(["one layer"]);
const TWO = image(["one layer", "another"]);

/** A home folder with a cache, written as the design says and not by larder's own code. */
class Home extends TemporaryFolder {
  /** An entry that larder pulled; `name` is its folder below `manifests`. */
  larderEntry(name: string, reference: string, artifact: Artifact): void {
    const { digest, mediaType } = artifact.descriptor;
    this.spinEntry(name, artifact);
    this.#write(join(dirname(name), digest, "manifest.json"), artifact.bytes);
    this.#write(join(name, "record.json"), {
      schemaVersion: 1,
      reference,
      digest,
      mediaType,
      manifestDigest: digest,
      pulledAt: PULLED,
      checkedAt: PULLED,
    });
    this.#stamp(join(name, "record.json"), new Date(PULLED));
  }

  /** An entry as Spin writes it. */
  spinEntry(name: string, artifact: Artifact, used = new Date(PULLED)): void {
    this.#write(join(name, "manifest.json"), artifact.bytes);
    this.#stamp(join(name, "manifest.json"), used);
  }

  pin(name: string): void {
    this.#write(join(name, "pin.json"), {});
  }

  breakEntry(name: string): void {
    this.#write(join(name, "manifest.json"), { schemaVersion: 7 });
  }

  #file(name: string): string {
    return join(this.path, ".cache/larder/registry/manifests", name);
  }

  #write(name: string, content: Uint8Array | object): void {
    const path = this.#file(name);
    Deno.mkdirSync(dirname(path), { recursive: true });
    if (content instanceof Uint8Array) Deno.writeFileSync(path, content);
    else Deno.writeTextFileSync(path, JSON.stringify(content));
  }

  #stamp(name: string, time: Date): void {
    Deno.utimeSync(this.#file(name), time, time);
  }
}

const size = ({ bytes, blobs }: Artifact) =>
  bytes.length + blobs.reduce((sum, blob) => sum + blob.descriptor.size, 0);
const short = ({ descriptor }: Artifact) => descriptor.digest.slice("sha256:".length, 19);

function filled(): Home {
  const home = new Home();
  home.larderEntry("localhost:5000/team/app/v1", "localhost:5000/team/app:v1", ONE);
  home.pin("localhost:5000/team/app/v1");
  home.spinEntry("ghcr.io/owner/deep/er/latest", TWO);
  home.breakEntry("ghcr.io/owner/deep/broken");
  return home;
}

Deno.test("larder list prints a line for each entry that is whole, in the order of names", async () => {
  using home = filled();
  const { code, stdout, stderr } = await larder(home.path, "list");
  assert.deepEqual([code, stderr], [0, ""]);
  const time = localTime(Date.parse(PULLED));
  const rows = stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows, [
    ["REFERENCE", "DIGEST", "SIZE", "LAST USED", "PINNED"],
    ["ghcr.io/owner/deep/er:latest", short(TWO), formatBytes(size(TWO)), time, "no"],
    ["localhost:5000/team/app:v1", short(ONE), formatBytes(size(ONE)), time, "yes"],
  ]);
});

Deno.test("larder list --format json has all of it, in full", async () => {
  using home = filled();
  const { code, stdout, stderr } = await larder(home.path, "list", "--format", "json");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.deepEqual(JSON.parse(stdout), [
    {
      reference: "ghcr.io/owner/deep/er:latest",
      digest: TWO.descriptor.digest,
      size: size(TWO),
      lastUsed: PULLED,
      pinned: false,
      writtenBy: "spin",
    },
    {
      reference: "localhost:5000/team/app:v1",
      digest: ONE.descriptor.digest,
      size: size(ONE),
      lastUsed: PULLED,
      pinned: true,
      writtenBy: "larder",
    },
  ]);
});

Deno.test("a last use in the future is one of now", async () => {
  using home = new Home();
  home.spinEntry("ghcr.io/a/b", ONE, new Date(Date.now() + 86_400_000));
  const { stdout } = await larder(home.path, "list", "--format", "json");
  assert.ok(Date.parse(JSON.parse(stdout)[0].lastUsed) <= Date.now());
});

Deno.test("an empty cache is said to be one, and is an empty list in JSON", async () => {
  using home = new Home();
  const table = await larder(home.path, "list");
  assert.deepEqual([table.code, table.stdout], [0, ""]);
  assert.match(table.stderr, /^the cache \/.*\/registry is empty\n$/);
  const json = await larder(home.path, "list", "--format", "json");
  assert.deepEqual(json, { code: 0, stdout: "[]\n", stderr: "" });
  assert.deepEqual([...Deno.readDirSync(home.path)], [], "listing made a folder");
});

Deno.test("a cache that is a file is a disk error, not a bug", async () => {
  using home = new Home();
  const file = join(home.path, "file");
  Deno.writeTextFileSync(file, "");
  const { code, stderr } = await larder(home.path, "list", "--cache-dir", file);
  assert.ok(code === 0 || code === 7, stderr);
  assert.doesNotMatch(stderr, /LDR_INTERNAL/);
});

Deno.test("a reader who goes away ends the list without a word", async () => {
  using home = filled();
  const main = fileURLToPath(new URL("../../main.ts", import.meta.url));
  const config = fileURLToPath(new URL("../../deno.json", import.meta.url));
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "-A",
      "--quiet",
      "--config",
      config,
      main,
      "list",
      "--cache-dir",
      `${home.path}/.cache/larder`,
    ],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const stderr = await new Response(child.stderr).text();
  assert.deepEqual([(await child.status).code, stderr], [141, ""]);
});
