import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { blob, image } from "../cache/artifacts.ts";
import { filesBelow } from "../cache/store_check.ts";
import { DAY } from "../cache/test_cache.ts";
import { TestCacheHome } from "../cache/test_cache_home.ts";
import { AS_USER, giveBack, hasOtherOwner, otherOwnerTest, takeAway } from "./other_owner.ts";
import { type Result, TestUser } from "./test_user.ts";

const OLD = { used: 40 * DAY };
export const ONE = image(["one"]);
const SPECIFICATION = blob("specification").descriptor.digest;
const COMPONENT = blob("component").descriptor.digest;
export const OTHER = "docker.io/library/other:v1";
export const APP = "manifests/ghcr.io/acme/app";
const EVENT = '\n{"kind":"damage","at":"2026-01-01","digest":"' + COMPONENT + '","names":[]}';

const UNREFERENCED = `data/${blob("unreferenced").descriptor.digest}`;

/** A cache with an entry of each type, of which a user may not read some file or folder. */
export class UnreadableCache implements Disposable {
  readonly #home = new TestCacheHome({ now: Date.now() });
  readonly #user = new TestUser();

  constructor() {
    const home = this.#home;
    home.pulled("ghcr.io/acme/app:v1", ONE, { ...OLD, pinned: true });
    home.pulled(OTHER, image(["other"]), OLD);
    home.package("deb/hello/1/amd64", blob("package"), OLD);
    home.build("disk", SPECIFICATION, blob("built"), OLD);
    home.compiled(COMPONENT, "engine-1", [blob("code")], OLD);
    home.blobs([blob("unreferenced")], 40 * DAY);
    home.write(`partial/${COMPONENT}`, "half", 40 * DAY);
    home.write(`archives/${COMPONENT}`, "", 40 * DAY);
    home.write("pins.json", { schemaVersion: 1, pins: [{ pattern: OTHER }] });
    home.write("journal.jsonl", EVENT);
    home.write("journal.older.jsonl", EVENT);
    // No process has this number.
    home.write("leases/4194305-0a.json", {
      schemaVersion: 1,
      pid: 4194305,
      command: "larder run",
      startedAt: "2026-01-01T00:00:00Z",
      folders: [],
      digests: [],
    });
  }

  path(name: string): string {
    return join(this.#home.registry, name);
  }

  /** Returns the files of entries and content, as paths in the cache. */
  files(): string[] {
    return filesBelow(this.#home.registry).map((path) => path.slice(this.#home.registry.length + 1))
      .filter((path) => !/^(?:lock|gate|leases|journal|partial|archives)/.test(path)).sort();
  }

  larder(...args: string[]): Promise<Result> {
    const options = ["--cache-dir", dirname(this.#home.registry)];
    return this.#user.larder([...options, ...args], { under: AS_USER });
  }

  [Symbol.dispose](): void {
    this.#user[Symbol.dispose]();
    this.#home[Symbol.dispose]();
  }
}

/** What the user may not read, and what gc then keeps. */
const PLACES: Readonly<Record<string, "all" | "entries" | "blobs" | "none">> = {
  "manifests": "blobs",
  "manifests/ghcr.io": "blobs",
  [APP]: "blobs",
  [`${APP}/v1`]: "blobs",
  [`${APP}/v1/record.json`]: "blobs",
  [`${APP}/v1/manifest.json`]: "blobs",
  [`${APP}/v1/pin.json`]: "none",
  [`${APP}/${ONE.descriptor.digest}`]: "blobs",
  // The tag has the same manifest.
  [`${APP}/${ONE.descriptor.digest}/manifest.json`]: "none",
  "packages": "blobs",
  "packages/deb/hello/1/amd64/record.json": "blobs",
  "builds": "blobs",
  [`builds/${SPECIFICATION}/record.json`]: "blobs",
  "compiled": "blobs",
  [`compiled/${COMPONENT}/engine-1/record.json`]: "blobs",
  "archives": "blobs",
  "data": "none",
  [`data/${ONE.blobs[1]!.descriptor.digest}`]: "none",
  "partial": "none",
  "leases": "all",
  "leases/4194305-0a.json": "all",
  "pins.json": "entries",
  "journal.jsonl": "none",
  "journal.older.jsonl": "none",
};

/** Commands that a path of another user must not stop. */
const COMMANDS = [
  `info ${OTHER}`,
  `why ${OTHER}`,
  "pins",
  "stats",
  "df",
  "clean docker.io/library/* --include-pinned --dry-run",
  "outdated ghcr.io/acme/app@*",
];

/** The places of which `deno task test` tries each kind; `deno task soak` tries the others. */
export const FEW_PLACES: readonly string[] = [
  "manifests",
  `${APP}/v1`,
  `${APP}/v1/record.json`,
  `${APP}/${ONE.descriptor.digest}/manifest.json`,
  `builds/${SPECIFICATION}/record.json`,
  "data",
  "leases",
  "pins.json",
  "journal.jsonl",
];

export const OTHER_PLACES = Object.keys(PLACES).filter((place) => !FEW_PLACES.includes(place));

/** Registers a test of what larder does if the user may not read a file or folder of the cache. */
export function placeTest(place: string): void {
  const kept = PLACES[place]!;
  otherOwnerTest(`list, gc and verify go on if the user may not read ${place}`, async () => {
    using fixture = new UnreadableCache();
    const path = fixture.path(place);
    takeAway(path);
    const files = fixture.files();
    const list = await fixture.larder("list", "-v");
    assert.equal(list.code, 0, list.stderr);
    if (!place.startsWith("manifests")) assert.match(list.stdout, /^ghcr\.io\/acme\/app:v1 /m);
    if (place !== "manifests") assert.match(list.stdout, /^docker\.io\/library\/other:v1 /m);
    // A blob is stat'ed for a list; leases and the journal are not read.
    if (
      /^(?:manifests(?!.*sha256.*json)|packages|builds|compiled|archives|data$|partial|pins)/.test(
        place,
      )
    ) {
      assertWarning(list, path);
    }
    const verify = await fixture.larder("verify");
    assert.equal(verify.code, 5, verify.stderr);
    assert.match(verify.stdout, new RegExp(`^unreadable +${place.replaceAll(".", "\\.")} `, "m"));
    assert.match(verify.stderr, hasOtherOwner ? /^hint: sudo chown -R "\$USER" /m : /^hint: /m);

    const gc = await fixture.larder("gc", "--unused", "1d", "--force");
    assert.equal(gc.code, 0, gc.stderr);
    if (kept !== "none") assertWarning(gc, path);
    const gone = files.filter((file) => !fixture.files().includes(file));
    if (kept === "none") assert.ok(gone.some((file) => file.startsWith("builds/")), gc.stderr);
    else assert.deepEqual(gone, kept === "entries" ? [UNREFERENCED] : []);

    giveBack(path);
    const after = await fixture.larder("list", "-v");
    assert.deepEqual([after.code, after.stderr], [0, ""]);
    assert.match(after.stdout, /^ghcr\.io\/acme\/app:v1 /m);
    assert.match(after.stdout, /^docker\.io\/library\/other:v1 /m);
  });
}

/** Registers a test of the other commands. */
export function commandsTest(place: string): void {
  otherOwnerTest(`every other command goes on if the user may not read ${place}`, async () => {
    using fixture = new UnreadableCache();
    takeAway(fixture.path(place));
    for (const command of COMMANDS) {
      const { code, stderr } = await fixture.larder(...command.split(" "));
      assert.equal(code, command.startsWith("outdated") ? 3 : 0, `${command}: ${stderr}`);
      assert.ok((stderr.match(/warning: cannot/g) ?? []).length <= 1, stderr);
    }
  });
}

/** Asserts one warning that names the path and, where there is one, its owner and the remedy. */
function assertWarning({ stderr }: Result, path: string): void {
  const warnings = stderr.split("\n").filter((line) => line.startsWith("warning: cannot "));
  assert.equal(warnings.length, 1, stderr);
  assert.ok(warnings[0]!.includes(path), stderr);
  if (!hasOtherOwner) return;
  assert.ok(warnings[0]!.includes("belongs to nobody"), stderr);
  assert.ok(warnings[0]!.includes(`sudo chown -R "$USER" ${path}`), stderr);
}
