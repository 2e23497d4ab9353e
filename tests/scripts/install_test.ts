import assert from "node:assert/strict";
import { join } from "node:path";
import { hasProgram } from "../support/cli/commands.ts";
import {
  BINARY,
  Machine,
  MAN_PAGE,
  NAME,
  type Release,
  release,
  script,
  SCRIPTS,
  sums,
} from "../support/cli/releases.ts";

const SHELLS = [["sh"], ["dash"], ["bash", "--posix"], ["zsh", "--emulate", "sh"]];

for (const shell of SHELLS) {
  Deno.test(`install.sh installs the latest release, run by ${shell[0]}`, async () => {
    await using machine = new Machine(release());
    const { code, stdout, stderr } = await machine.install({ shell });
    assert.equal(code, 0, stderr);
    assert.match(stdout, /^installed larder [\d.]+ \(.*\n +as .*\/\.local\/bin\/larder\n/);
    assert.deepEqual(machine.files().sort(), [machine.larder, machine.manPage]);
    assert.deepEqual(Deno.readFileSync(machine.larder), BINARY);
    assert.equal(Deno.statSync(machine.larder).mode! & 0o777, 0o755);
  });
}

const TOOLS = [["curl", "sha256sum"], ["wget", "sha256sum"], ["curl", "shasum"], [
  "curl",
  "openssl",
]];

for (const tools of TOOLS) {
  Deno.test(`install.sh needs only ${tools.join(" and ")}`, async () => {
    await using machine = new Machine(release());
    const { code, stderr } = await machine.install({ env: { PATH: machine.pathWith(...tools) } });
    assert.equal(code, 0, stderr);
    assert.deepEqual(machine.files().sort(), [machine.larder, machine.manPage]);
  });
}

Deno.test("install.sh follows LARDER_VERSION and LARDER_INSTALL", async () => {
  for (const version of ["1.2.3-rc.1", "v1.2.3-rc.1"]) {
    await using machine = new Machine(release("download/v1.2.3-rc.1"));
    const folder = join(machine.home, "my tools");
    const env = { LARDER_VERSION: version, LARDER_INSTALL: folder, HOME: "" };
    const { code, stderr } = await machine.install({ env });
    assert.equal(code, 0, stderr);
    assert.deepEqual(machine.files(), [join(folder, "larder")]);
  }
});

Deno.test("install.sh installs the man page below XDG_DATA_HOME, unless that is relative", async () => {
  for (const [data, path] of [["data", "data/man/man1/larder.1"], ["", undefined]] as const) {
    await using machine = new Machine(release());
    const XDG_DATA_HOME = data && join(machine.home, data);
    const { code, stdout, stderr } = await machine.install({ env: { XDG_DATA_HOME } });
    assert.equal(code, 0, stderr);
    const manPage = path ? join(machine.home, path) : machine.manPage;
    assert.deepEqual(Deno.readFileSync(manPage), MAN_PAGE);
    assert.ok(stdout.includes(`its man page as ${manPage}\n`), stdout);
  }
  await using machine = new Machine(release());
  await machine.install({ env: { XDG_DATA_HOME: "data" } });
  assert.deepEqual(Deno.readFileSync(machine.manPage), MAN_PAGE);
});

Deno.test("install.sh installs a release without a man page", async () => {
  const { "/latest/download/larder.1": _, ...held } = release();
  held["/latest/download/SHA256SUMS"] = sums({ [NAME]: BINARY });
  await using machine = new Machine(held);
  const { code, stdout, stderr } = await machine.install();
  assert.equal(code, 0, stderr);
  assert.doesNotMatch(stdout, /man page/);
  assert.deepEqual(machine.files(), [machine.larder]);
});

Deno.test("install.sh installs larder if the man page cannot be written, and says so", async () => {
  await using machine = new Machine(release());
  Deno.mkdirSync(join(machine.home, ".local"), { recursive: true });
  Deno.writeTextFileSync(join(machine.home, ".local/share"), "a file");
  const { code, stderr } = await machine.install();
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^install: cannot write the man page to .*\.local\/share\/man\/man1$/m);
  assert.deepEqual(Deno.readFileSync(machine.larder), BINARY);
});

Deno.test("install.sh prints a hint only if the folder is not on PATH", async () => {
  await using machine = new Machine(release());
  const without = await machine.install();
  assert.match(without.stdout, /\.local\/bin is not on your PATH: .*export PATH="/);
  const withIt = await machine.install({
    env: { PATH: `${Deno.env.get("PATH")}:${machine.bin}` },
  });
  assert.doesNotMatch(withIt.stdout, /PATH/);
});

const FAULTS: [
  name: string,
  release: Release,
  message: RegExp,
  env?: (machine: Machine) => Record<string, string>,
][] = [
  [
    "a binary with another sum",
    { ...release(), [`/latest/download/${NAME}`]: script("touch ran; echo larder 6.6.6") },
    /the sum of larder-\S+ is [0-9a-f]{64}, but SHA256SUMS says [0-9a-f]{64}: nothing was inst/,
  ],
  [
    "a binary that SHA256SUMS does not name",
    { ...release(), "/latest/download/SHA256SUMS": sums({ [`${NAME}.sig`]: BINARY }) },
    /SHA256SUMS does not name larder-/,
  ],
  [
    "a man page that is not the one of the sums",
    { ...release(), "/latest/download/larder.1": script("echo larder 6.6.6") },
    /the sum of larder\.1 is [0-9a-f]{64}, but SHA256SUMS says [0-9a-f]{64}: nothing was inst/,
  ],
  [
    "a man page that cannot be downloaded",
    { ...release(), "/latest/download/larder.1": "missing" },
    /cannot download http:\S+\/latest\/download\/larder\.1/,
  ],
  [
    "a release without SHA256SUMS",
    { ...release(), "/latest/download/SHA256SUMS": "missing" },
    /SHA256SU/,
  ],
  [
    "a release without this target",
    { ...release(), [`/latest/download/${NAME}`]: "missing" },
    /cannot download http:\S+\/latest\/download\/larder-/,
  ],
  [
    "an interrupted download",
    { ...release(), [`/latest/download/${NAME}`]: "interrupted" },
    /cannot download/,
  ],
  [
    "an interrupted download by wget",
    { ...release(), [`/latest/download/${NAME}`]: "interrupted" },
    /cannot download/,
    (machine) => ({ PATH: machine.pathWith("wget", "sha256sum") }),
  ],
  ["a binary that does not run", release(undefined, script("exit 1")), /does not run on this mach/],
  [
    "a binary that needs glibc",
    release(undefined, script("exit 127")),
    /does not run on this machine: it needs glibc, and this system has musl$/m,
    (machine) => ({ PATH: `${withMusl(machine)}:${Deno.env.get("PATH")}` }),
  ],
  ["an invalid version", release(), /is not a version/, () => ({ LARDER_VERSION: "../../evil" })],
  ["a missing version", release(), /cannot downl/, () => ({ LARDER_VERSION: "3.2.1" })],
  [
    "a machine without curl and wget",
    release(),
    /neither curl nor wget/,
    (machine) => ({ PATH: machine.pathWith("sha256sum") }),
  ],
  [
    "a machine without a program for SHA-256",
    release(),
    /none of sha256sum, shasum and openssl/,
    (machine) => ({ PATH: machine.pathWith("curl") }),
  ],
  ...(["Linux riscv64", "Plan9 x86_64"] as const).map(
    (system): typeof FAULTS[number] => [
      `${system}`,
      release(),
      /there is no larder for/,
      (machine) => ({ PATH: `${pretend(machine, system)}:${Deno.env.get("PATH")}` }),
    ],
  ),
];

/** Returns a folder with a `uname` that names another system. */
function pretend(machine: Machine, system: string): string {
  const folder = join(machine.path, "programs");
  Deno.mkdirSync(folder);
  const [name, processor] = system.split(" ");
  const body = `[ "$1" = -m ] && echo ${processor} || echo ${name}`;
  Deno.writeFileSync(join(folder, "uname"), script(body), { mode: 0o755 });
  return folder;
}

/** Returns a folder with the `ldd` of a system with musl. */
function withMusl(machine: Machine): string {
  const folder = join(machine.path, "programs");
  Deno.mkdirSync(folder);
  Deno.writeFileSync(join(folder, "ldd"), script("echo 'musl libc (x86_64)' >&2; exit 1"), {
    mode: 0o755,
  });
  return folder;
}

for (const [name, release, message, env] of FAULTS) {
  Deno.test(`install.sh fails on ${name} and leaves no files`, async () => {
    await using machine = new Machine(release);
    const { code, stderr } = await machine.install({ env: env?.(machine) ?? {} });
    assert.notEqual(code, 0);
    assert.match(stderr, message);
    assert.deepEqual(machine.files(), []);
  });
}

Deno.test("install.sh replaces an installed larder by a rename, unless a check fails", async () => {
  const old = script("echo old");
  const broken = { ...release(), [`/latest/download/${NAME}`]: script("echo larder 6.6.6") };
  for (const [held, expected] of [[broken, old], [release(), BINARY]] as const) {
    await using machine = new Machine(held);
    Deno.mkdirSync(machine.bin, { recursive: true });
    Deno.writeFileSync(machine.larder, old, { mode: 0o755 });
    const before = Deno.statSync(machine.larder).ino;
    using running = Deno.openSync(machine.larder);
    await machine.install();
    assert.deepEqual(Deno.readFileSync(machine.larder), expected);
    const others = expected === old ? [] : [machine.manPage];
    assert.deepEqual(machine.files().sort(), [machine.larder, ...others]);
    assert.equal(Deno.statSync(machine.larder).ino === before, expected === old);
    assert.equal(running.statSync().size, old.length, "a running larder keeps the old file");
  }
});

Deno.test("install.sh fails if the destination is a folder", async () => {
  await using machine = new Machine(release());
  Deno.mkdirSync(machine.larder, { recursive: true });
  const { code, stderr } = await machine.install();
  assert.equal(code, 1);
  assert.match(stderr, /larder is a folder/);
  assert.deepEqual(machine.files(), []);
});

Deno.test("install.sh works from a pipe and does nothing if the pipe is cut off", async () => {
  const text = Deno.readTextFileSync(join(SCRIPTS, "install.sh"));
  await using machine = new Machine(release());
  const lines = text.split("\n");
  const cuts = lines.map((_, i) => lines.slice(0, i).join("\n").length + Math.floor(i % 3));
  for (const cut of cuts.filter((cut) => cut < text.trimEnd().length)) {
    await machine.install({ piped: text.slice(0, cut) });
    assert.deepEqual(machine.files(), [], `cut at ${cut}`);
  }
  const { code, stderr } = await machine.install({ piped: text });
  assert.equal(code, 0, stderr);
  assert.deepEqual(machine.files().sort(), [machine.larder, machine.manPage]);
});

Deno.test({
  name: "install.ps1 installs the latest release and fails on a wrong sum (needs pwsh)",
  ignore: !hasProgram("pwsh"),
  async fn() {
    const shell = ["pwsh", "-NoProfile", "-File", join(SCRIPTS, "install.ps1")];
    const wrong = { ...release(), [`/latest/download/${NAME}`]: script("echo larder 6.6.6") };
    for (const [held, works] of [[release(), true], [wrong, false]] as const) {
      await using machine = new Machine(held);
      const { code, stderr } = await machine.install({ shell, piped: "" });
      assert.equal(code === 0, works, stderr);
      const installed = machine.files(machine.home).filter((path) => path.includes("larder"));
      assert.deepEqual(installed, works ? [machine.larder] : []);
    }
  },
});
