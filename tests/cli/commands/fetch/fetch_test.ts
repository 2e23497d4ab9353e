import assert from "node:assert/strict";
import { join } from "node:path";
import { TestCacheHome } from "../../../support/cache/test_cache_home.ts";
import { run } from "../../../support/cli/commands.ts";
import { status } from "../../../support/registry/faults.ts";
import { debBytes, digestOfBytes, FileServer } from "../../../support/registry/file_server.ts";

const BYTES = debBytes(5000);
const SHA = digestOfBytes(BYTES);

/** Adds packages `p1_1_all.deb`, `p2_1_all.deb` … to a server; returns their URLs. */
function addPackages(server: FileServer, count: number): string[] {
  return Array.from(
    { length: count },
    (_, i) => server.add(`/pool/p${i + 1}_1_all.deb`, debBytes(5000, i + 1)),
  );
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("fetch prints the path in the cache, and says whether it was fetched", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1);
  const first = await home.larder("fetch", url!);
  assert.equal(first.code, 0, first.stderr);
  assert.deepEqual(Deno.readFileSync(first.stdout.trim()), BYTES);
  assert.match(first.stderr, /^fetched 1 package \(4\.88 KiB\), reused 0 packages/m);
  const second = await home.larder("fetch", url!);
  assert.equal(second.stdout, first.stdout);
  assert.match(second.stderr, /^Use packages from cache: 1 package/m);
  assert.equal((await home.larder("fetch", url!, "-q")).stderr, "");
  assert.equal(server.requests().length, 1);
});

Deno.test("fetch refuses an empty path, and to replace a pipe", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1);
  for (const option of ["--output", "--to"]) {
    const { code, stderr } = await home.larder("fetch", url!, option, "");
    assert.equal(code, 2);
    assert.match(stderr, new RegExp(`${option} needs a value`));
  }
  if (Deno.build.os === "windows") return;
  const pipe = join(home.path, "pipe");
  await run("mkfifo", [pipe]);
  assert.match((await home.larder("fetch", url!, "-o", pipe)).stderr, /it is not a regular file/);
  assert.ok(Deno.lstatSync(pipe).isFifo);
});

Deno.test("fetch --format json tells what each package is", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1);
  const { stdout } = await home.larder(
    "fetch",
    url!,
    "--format",
    "json",
    "-o",
    join(home.path, "x"),
  );
  assert.deepEqual(JSON.parse(stdout), [{
    source: server.host,
    name: "p1",
    version: "1",
    arch: "all",
    fileName: "p1_1_all.deb",
    digest: SHA,
    size: 5000,
    outcome: "fetched",
    path: join(home.path, "x"),
  }]);
});

Deno.test("fetch --output writes a file, or into a folder", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [one, two] = addPackages(server, 2) as [string, string];
  const at = (name: string) => join(home.path, name);
  const paths = async (...args: string[]) => {
    const { code, stdout, stderr } = await home.larder("fetch", ...args);
    assert.equal(code, 0, stderr);
    return stdout.trimEnd().split("\n");
  };
  assert.deepEqual(await paths(one, "-o", at("new/file.deb")), [at("new/file.deb")]);
  assert.deepEqual(Deno.readFileSync(at("new/file.deb")), BYTES);
  assert.deepEqual(await paths(one, "-o", at("new")), [at("new/p1_1_all.deb")]);
  assert.deepEqual(await paths(one, "-o", `${at("other")}/`), [at("other/p1_1_all.deb")]);
  assert.deepEqual(await paths(one, two, "-o", at("both")), [
    at("both/p1_1_all.deb"),
    at("both/p2_1_all.deb"),
  ]);
  const onFile = await home.larder("fetch", one, two, "-o", at("new/file.deb"));
  assert.equal(onFile.code, 7, onFile.stderr);
  assert.deepEqual(Deno.readFileSync(at("new/file.deb")), BYTES);
});

Deno.test("fetch --to lays all packages or none", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const urls = addPackages(server, 3);
  const to = join(home.path, "debs");
  server.fail("p2", status(404), 1);
  const part = await home.larder("fetch", ...urls, "--to", to);
  assert.match(part.stderr, /\nnothing was copied to .*debs\n/);
  assert.equal(part.code, 3, part.stderr);
  assert.equal(part.stdout, "");
  assert.match(part.stderr, /1 of 3 packages could not be fetched/);
  assert.throws(() => Deno.statSync(to));

  const whole = await home.larder("fetch", ...urls, "--to", to);
  assert.equal(whole.code, 0, whole.stderr);
  assert.deepEqual(namesIn(to), ["p1_1_all.deb", "p2_1_all.deb", "p3_1_all.deb"]);
  assert.equal(server.requests("p1").length, 1);
  await home.larder("fetch", urls[2]!, "--to", to);
  assert.deepEqual(namesIn(to), ["p3_1_all.deb"]);

  Deno.writeFileSync(join(to, "mine_1_all.deb"), BYTES);
  const refused = await home.larder("fetch", urls[0]!, "--to", to);
  assert.equal(refused.code, 2, refused.stderr);
  assert.deepEqual(namesIn(to), ["mine_1_all.deb", "p3_1_all.deb"]);
});

Deno.test("fetch exits with the code of what failed, or 1 if packages fail differently", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const urls = addPackages(server, 3);
  server.fail("p1", status(404));
  server.fail("p2", status(403));
  const one = await home.larder("fetch", urls[0]!);
  assert.equal(one.code, 3);
  const same = await home.larder("fetch", urls[0]!, `${urls[0]}x`);
  assert.equal(same.code, 3);
  const mixed = await home.larder("fetch", ...urls);
  assert.equal(mixed.code, 1);
  assert.match(mixed.stderr, /2 of 3 packages could not be fetched \[LDR_INCOMPLETE\]\n/);
  assert.match(mixed.stderr, /^ {2}not found: .*p1_1_all\.deb.*\[LDR_NOT_FOUND\]$/m);
  assert.match(mixed.stderr, /^ {2}no access to .*p2_1_all\.deb.*\[LDR_FORBIDDEN\]$/m);
  assert.match(mixed.stdout, /^\/.*\n$/, "what came is given");
});

Deno.test("fetch --digest rejects other content, and --replace takes it", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1) as [string];
  const other = debBytes(5000, 9);
  const wrong = await home.larder("fetch", url, "--digest", digestOfBytes(other));
  assert.equal(wrong.code, 5, wrong.stderr);
  await home.larder("fetch", url);
  server.add("/pool/p1_1_all.deb", other);
  const refused = await home.larder("fetch", url, "--digest", digestOfBytes(other));
  assert.equal(refused.code, 5);
  assert.ok([SHA, digestOfBytes(other)].every((digest) => refused.stderr.includes(digest)));
  assert.match(refused.stderr, /--replace/);
  const replaced = await home.larder("fetch", url, "--replace");
  assert.deepEqual(Deno.readFileSync(replaced.stdout.trim()), other);
});

Deno.test("fetch without the package cache gives packages and keeps nothing", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1) as [string];
  const config = join(home.path, "config.yaml");
  Deno.writeTextFileSync(config, "storage:\n  package_cache:\n    enabled: false\n");
  for (const args of [["--no-package-cache"], ["--config", config]]) {
    const refused = await home.larder("fetch", url, ...args);
    assert.equal(refused.code, 2, refused.stderr);
    assert.match(refused.stderr, /add --output PATH or --to DIR/);
    const given = await home.larder("fetch", url, ...args, "--to", join(home.path, "to"));
    assert.equal(given.code, 0, given.stderr);
  }
  assert.equal(server.requests().length, 2);
  assert.deepEqual(namesIn(join(home.path, "to")), ["p1_1_all.deb"]);
  for (const wanted of [[url], ["p1", "--from", url.replace(/p1_.*/, "Packages")]]) {
    const options = ["--offline", "--no-package-cache", "--to", join(home.path, "to")];
    const offline = await home.larder("fetch", ...wanted, ...options);
    assert.equal(offline.code, 3, offline.stderr);
    assert.match(
      offline.stderr,
      /hint: the package cache is bypassed: use it, or leave out --offline\n/,
    );
  }
  assert.deepEqual((await home.larder("list", "--format", "json")).stdout.trim(), "[]");
});

Deno.test("fetch --offline works if everything is cached, and otherwise names what is missing", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [one, two] = addPackages(server, 2) as [string, string];
  await home.larder("fetch", one);
  assert.equal((await home.larder("fetch", one, "--offline")).code, 0);
  const missing = await home.larder("fetch", one, two, "--offline");
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /p2\/1\/all is not in the cache/);
  assert.equal(server.requests().length, 1);
});

Deno.test("fetch rejects options that make no sense together", async () => {
  using home = new TestCacheHome();
  const [one, two] = ["http://mirror.invalid/a_1_all.deb", "http://mirror.invalid/b_1_all.deb"];
  const cases = [
    [],
    ["hello"],
    [one, "-o", "x", "--to", "y"],
    [one, two, "--digest", SHA],
    [one, two, "--name", "x"],
    [one, two, "--version", "1"],
    [one, "--digest", "sha256:12"],
    [one, "--name", ""],
    [one, one.replace("invalid", "test"), "--to", join(home.path, "to")],
  ];
  for (const args of cases) {
    const { code, stderr } = await home.larder("fetch", ...args);
    assert.equal(code, 2, `${args.join(" ")}: ${stderr}`);
  }
});

Deno.test("fetch follows redirects and names the package by the first URL", async () => {
  await using server = await FileServer.start();
  using home = new TestCacheHome();
  const [url] = addPackages(server, 1) as [string];
  server.guard = ({ path }) =>
    path.startsWith("/old/")
      ? { status: 302, headers: { Location: url }, body: new Uint8Array() }
      : undefined;
  const { stdout } = await home.larder(
    "fetch",
    `http://${server.host}/old/a_2_all.deb`,
    "--format",
    "json",
  );
  const [{ name, version, digest }] = JSON.parse(stdout);
  assert.deepEqual([name, version, digest], ["a", "2", SHA]);
});
