import assert from "node:assert/strict";
import { join } from "node:path";
import { childEnvironment } from "../../../support/cli/environment.ts";
import { formatBytes } from "../../../../src/base/units.ts";
import { FIELD_NAMES } from "../../../../src/cli/query/fields.ts";
import { agoText } from "../../../../src/cli/terminal/text_layout.ts";
import {
  blob,
  digestOf,
  image,
  MEDIA_TYPES,
  randomBytes,
  utf8,
} from "../../../support/cache/artifacts.ts";
import { DAY } from "../../../support/cache/test_cache.ts";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { larderCommand } from "../../../support/cli/test_user.ts";

const SHARED = blob(randomBytes(4000, "shared"));
const ONE = image([SHARED, blob(randomBytes(1000, "one"))]);
const TWO = image([SHARED, blob(randomBytes(2000, "two"), MEDIA_TYPES.wasm)]);
const PACKAGE = blob(randomBytes(500, "package"), "application/vnd.debian.binary-package");
const BUILT = blob(randomBytes(700, "built"), "application/octet-stream");
const CODE = blob(randomBytes(300, "code"), "text/javascript");
const ORPHAN = blob(randomBytes(900, "orphan"));
const COMPONENT = digestOf(utf8("component"));

const SPECIFICATION = digestOf(utf8("specification"));
const ROUTER = `router@${SPECIFICATION.slice(0, "sha256:".length + 12)}`;

const AGE = 30 * DAY;

/** A cache with an entry of each type and an unreferenced blob. A pinned image and an app of Spin share a layer. */
function filled(): TestCacheHome {
  const home = new TestCacheHome();
  home.pin(home.pulled("localhost:5000/team/app:v1", ONE, { used: AGE }), "for the demo");
  home.pulledBySpin("ghcr.io/owner/deep/er:latest", TWO, { used: DAY, written: AGE });
  home.package("deb.example/hello/1.0/amd64", PACKAGE, { used: AGE });
  home.build("router", SPECIFICATION, BUILT, { used: AGE });
  home.compiled(COMPONENT, "engine-1.0", [CODE], { used: AGE });
  home.blobs([ORPHAN], AGE);
  return home;
}

const names = (stdout: string) =>
  stdout.trimEnd().split("\n").map((line) => line.split(/ {2,}/)[0]);

Deno.test("list prints the number and size per type, and the total", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("list");
  assert.deepEqual([code, stderr], [0, ""]);
  const [sentence, total, ...rest] = stdout.split("\n");
  assert.match(
    sentence!,
    /^There is 1 app using \S+ KiB, 1 image using \S+ KiB, 1 package using \d+ B, 1 build using \d+ B and 1 compiled component using \d+ B of space$/,
  );
  const blobs = [...ONE.blobs, ...TWO.blobs.slice(2), PACKAGE, BUILT, CODE, ORPHAN];
  const { size } = new Set(blobs.map((each) => each.descriptor.digest));
  assert.equal(
    total,
    `Total space used: ${
      formatBytes(home.size())
    } in ${size} blobs; what they share is counted once`,
  );
  assert.deepEqual(rest, [""]);
});

Deno.test("list -v prints a row per entry above the summary", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("list", "-v");
  assert.deepEqual([code, stderr], [0, ""]);
  const [table, summary] = stdout.split("\n\n");
  const rows = table!.split("\n").map((line) => line.split(/ {2,}/));
  assert.deepEqual(rows[0], ["NAME", "TYPE", "LAST USED", "SIZE", "UNIQUE", "PINNED"]);
  assert.deepEqual(rows.slice(1).map(([name, type, , , , pinned]) => [name, type, pinned]), [
    ["ghcr.io/owner/deep/er:latest", "app", "no"],
    ["localhost:5000/team/app:v1", "image", "yes"],
    ["deb.example/hello/1.0/amd64", "package", "no"],
    [ROUTER, "build", "no"],
    [`${COMPONENT.slice("sha256:".length).slice(0, 12)}/engine-1.0`, "compiled", "no"],
  ]);
  const app = rows[2]!;
  assert.equal(app[2], agoText(Date.now() - home.now + AGE));
  assert.equal(rows[1]![2], agoText(Date.now() - home.now + DAY));
  assert.match(app[3]!, /^\d\.\d\d KiB$/);
  assert.notEqual(app[3], app[4], "what is shared would not be freed");
  assert.equal(summary, (await home.larder("list")).stdout);
});

Deno.test("list -v has only the columns that tell entries apart, and 80 characters", async () => {
  using home = new TestCacheHome();
  const name = "ghcr.io/organisation/application:1.2";
  home.pulled(name, ONE, { used: AGE });
  home.package("deb.example/hello/1.0/amd64", PACKAGE, { used: AGE });
  home.blobs([ORPHAN], AGE);
  const head = async (...args: string[]) => {
    const { stdout } = await home.larder("list", "-v", ...args);
    for (const line of stdout.split("\n")) assert.ok(line.length <= 80, line);
    return stdout.split("\n")[0]!.split(/ {2,}/);
  };
  assert.deepEqual(await head(), ["NAME", "TYPE", "LAST USED", "SIZE", "UNIQUE"]);
  assert.deepEqual(await head("--type", "image"), ["NAME", "LAST USED", "SIZE", "UNIQUE"]);
  assert.deepEqual(await head("--sort", "created", "--type", "image"), [
    ...["NAME", "CREATED", "LAST USED", "SIZE", "UNIQUE"],
  ]);
  assert.deepEqual(await head("--type", "blob"), ["NAME", "LAST USED", "SIZE", "UNIQUE"]);
  const { stdout } = await home.larder("list", "-v", "--type", "blob");
  const { digest } = ORPHAN.descriptor;
  assert.match(stdout, new RegExp(`^${digest.slice(0, "sha256:".length + 12)} `, "m"));
});

Deno.test("list --type takes several types, also blob", async () => {
  using home = filled();
  const { stdout } = await home.larder("list", "-v", "--type", "build", "--type", "package");
  assert.deepEqual(names(stdout.split("\n\n")[0]!), [
    "NAME",
    "deb.example/hello/1.0/amd64",
    ROUTER,
  ]);
  const blobs = await home.larder("list", "--type", "blob", "--format", "json");
  const listed = JSON.parse(blobs.stdout);
  assert.deepEqual(
    listed.map((each: { name: string; holders: number }) => [each.name, each.holders]),
    [
      ...ONE.blobs.map((each) => [each.descriptor.digest, each === SHARED ? 2 : 1] as const),
      ...TWO.blobs.slice(2).map((each) => [each.descriptor.digest, 1]),
      ...[PACKAGE, BUILT, CODE].map((each) => [each.descriptor.digest, 1]),
      [ORPHAN.descriptor.digest, 0],
    ].sort(([a], [b]) => a! < b! ? -1 : 1),
  );
  const summary = await home.larder("list", "--type", "build");
  const record = JSON.parse(
    (await home.larder("list", "--type", "build", "--format", "json")).stdout,
  );
  const size = formatBytes(record[0].size);
  assert.equal(
    summary.stdout,
    `There is 1 build using ${size} of space\nTotal space used: ${size}\n`,
  );
});

Deno.test("list --filter lists and sums up matching entries only", async () => {
  using home = filled();
  const { stdout } = await home.larder("list", "-v", "--filter", 'type == "app" && !pinned');
  assert.deepEqual(names(stdout.split("\n\n")[0]!), ["NAME", "ghcr.io/owner/deep/er:latest"]);
  assert.match(stdout, /\n\nThere is 1 app using \S+ KiB of space\nTotal space used: /);
  const none = await home.larder("list", "--filter", 'size > bytes("1TB")');
  assert.deepEqual(none, {
    code: 0,
    stdout: "Nothing in the cache matches\n",
    stderr: "",
  });
});

/** Values of `--sort`, and the types in the resulting order. */
const ORDERS: [string, string[]][] = [
  ["size", ["compiled", "package", "build", "app", "image"]],
  ["size:desc", ["image", "app", "build", "package", "compiled"]],
  ["type", ["app", "build", "compiled", "image", "package"]],
  ["unused:desc", ["image", "package", "build", "compiled", "app"]],
  ["pinned:desc", ["image", "app", "package", "build", "compiled"]],
];

for (const [order, types] of ORDERS) {
  Deno.test(`list --sort ${order} prints the table in this order`, async () => {
    using home = filled();
    const { stdout } = await home.larder("list", "--sort", order);
    const rows = stdout.split("\n\n")[0]!.split("\n").slice(1);
    assert.deepEqual(rows.map((line) => line.split(/ {2,}/)[1]), types);
  });
}

Deno.test("list --format json has every field", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("list", "--format", "json");
  assert.deepEqual([code, stderr], [0, ""]);
  const [spins, ours, ...others] = JSON.parse(stdout);
  assert.deepEqual(others.map((each: { type: string }) => each.type), [
    "package",
    "build",
    "compiled",
  ]);
  assert.deepEqual(others.map((each: { reference: string }) => each.reference), [null, null, null]);
  const { size, unique, shared, ...rest } = ours;
  const pulled = new Date(home.now - AGE).toISOString();
  assert.equal(size - unique, shared);
  assert.equal(shared, SHARED.descriptor.size);
  assert.deepEqual(rest, {
    reference: "localhost:5000/team/app:v1",
    type: "image",
    name: "localhost:5000/team/app:v1",
    group: "localhost:5000/team/app",
    registry: "localhost:5000",
    tag: "v1",
    digest: ONE.descriptor.digest,
    platform: null,
    holders: 0,
    created: pulled,
    lastUsed: pulled,
    checked: pulled,
    pinned: true,
    note: "for the demo",
    writtenBy: "larder",
    damaged: false,
    problem: null,
    path: join(home.registry, "manifests/localhost:5000/team/app/v1"),
  });
  assert.deepEqual([spins.writtenBy, spins.lastUsed, spins.checked], [
    "spin",
    new Date(home.now - DAY).toISOString(),
    null,
  ]);
  const members = new Set(Object.keys(ours));
  const missing = FIELD_NAMES.filter((name) => !members.has(name));
  assert.deepEqual(missing, ["age", "unused"]);
});

Deno.test("list --format TEMPLATE prints a line per entry and nothing else", async () => {
  using home = filled();
  const { code, stdout, stderr } = await home.larder("list", "--format", "{{type}}\\t{{tag}}");
  assert.deepEqual([code, stderr], [0, ""]);
  assert.equal(stdout, "app\tlatest\nimage\tv1\npackage\t\nbuild\t\ncompiled\t\n");
});

/** Bad command lines, and their errors. */
const WRONG: [string[], RegExp][] = [
  [
    ["--filter", "sizee > 3"],
    /^error: bad filter at column 1: .*\n {2}sizee > 3\n {2}\^\nhint: did you mean size\?\n$/,
  ],
  [
    ["--format", "{{nam}}"],
    /^error: bad template at column 3: .*\n {2}\{\{nam\}\}\n {4}\^\nhint: did you mean name\?\n$/,
  ],
  [["--sort", "siz"], /cannot sort by "siz".*\nhint: did you mean size\?/],
  [["--sort", "size:up"], /bad sort order "size:up".*\nhint: write size:asc or size:desc/],
  [
    ["--type", "apps"],
    /"apps" is not app, image, package, build, compiled or blob/,
  ],
  [["--format", "xml"], /"xml" is not table, json or a template/],
];

for (const [args, message] of WRONG) {
  Deno.test(`list ${args.join(" ")} is exit 2 before the cache is read`, async () => {
    using home = new TestCacheHome();
    const { code, stdout, stderr } = await home.larder("list", ...args);
    assert.deepEqual([code, stdout], [2, ""]);
    assert.match(stderr, message);
  });
}

Deno.test("list prints a damaged entry, and warns of it", async () => {
  using home = filled();
  home.write("manifests/ghcr.io/owner/broken/v1/manifest.json", "{}");
  const { code, stdout, stderr } = await home.larder(
    "list",
    "--filter",
    "damaged",
    "--format",
    "{{name}}: {{problem}}",
  );
  assert.equal(code, 0);
  assert.match(stdout, /^ghcr\.io\/owner\/broken:v1: .*\n$/);
  assert.equal(stderr, "");
  const table = await home.larder("list", "-v");
  assert.match(table.stdout, /^ghcr\.io\/owner\/broken:v1 /m);
  assert.match(table.stderr, /^warning: ghcr\.io\/owner\/broken:v1 is damaged; see larder info /);
});

Deno.test("list reports a last use in the future as now", async () => {
  using home = new TestCacheHome();
  home.pulledBySpin("ghcr.io/a/b:v1", ONE, { used: home.now - Date.now() - DAY });
  const { stdout } = await home.larder("list", "--format", "json");
  assert.ok(Date.parse(JSON.parse(stdout)[0].lastUsed) <= Date.now());
});

Deno.test("list reports an empty cache, and prints [] with --format json", async () => {
  using home = new TestCacheHome();
  const table = await home.larder("list");
  assert.deepEqual([table.code, table.stdout], [0, ""]);
  assert.match(table.stderr, /^the cache \/.*\/registry is empty\n$/);
  const json = await home.larder("list", "--format", "json");
  assert.deepEqual(json, { code: 0, stdout: "[]\n", stderr: "" });
  assert.deepEqual([...Deno.readDirSync(home.path)], [], "listing made a folder");
});

Deno.test("list is silent and exits with 141 if its reader closes the pipe", async () => {
  using home = filled();
  const [program, ...args] = larderCommand();
  const cache = `${home.path}/.cache/larder`;
  const child = new Deno.Command(program!, {
    args: [...args, "list", "--cache-dir", cache],
    clearEnv: true,
    env: childEnvironment({ HOME: home.path }),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  await child.stdout.cancel();
  const stderr = await new Response(child.stderr).text();
  assert.deepEqual([(await child.status).code, stderr], [141, ""]);
});
