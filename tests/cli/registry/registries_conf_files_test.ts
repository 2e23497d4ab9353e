import assert from "node:assert/strict";
import { join } from "node:path";
import {
  readRegistriesConfs,
  registriesConfPaths,
} from "../../../src/cli/registry/registries_conf_files.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

/** A system folder and a home folder with these files, and the platform of their user. */
class Machine implements Disposable {
  readonly #folder = new TemporaryFolder();
  readonly system = join(this.#folder.path, "etc");
  readonly user = join(this.#folder.path, "home", ".config", "containers");

  constructor(files: Readonly<Record<string, string>>) {
    for (const [name, text] of Object.entries(files)) {
      const path = this.path(name);
      Deno.mkdirSync(join(path, ".."), { recursive: true });
      Deno.writeTextFileSync(path, text);
    }
  }

  /** Returns the path of `etc/…` or `user/…`. */
  path(name: string): string {
    return join(name.startsWith("etc/") ? this.system : this.user, name.replace(/^\w+\//, ""));
  }

  platform(env: Readonly<Record<string, string>> = {}): HostPlatform {
    const all: Record<string, string> = { HOME: join(this.#folder.path, "home"), ...env };
    return { os: "linux", env: (name) => all[name] };
  }

  [Symbol.dispose](): void {
    this.#folder[Symbol.dispose]();
  }
}

const ORDERS: [name: string, files: string[], expected: string[]][] = [
  ["nothing", [], []],
  ["the system's", ["etc/registries.conf"], ["etc/registries.conf"]],
  ["the user's instead of the system's", ["etc/registries.conf", "user/registries.conf"], [
    "user/registries.conf",
  ]],
  [
    "drop-ins by name, the system's first",
    [
      "user/registries.conf.d/00.conf",
      "etc/registries.conf.d/20.conf",
      "etc/registries.conf.d/10.conf",
      "etc/registries.conf.d/10.conf.bak",
      "etc/registries.conf",
    ],
    [
      "etc/registries.conf",
      "etc/registries.conf.d/10.conf",
      "etc/registries.conf.d/20.conf",
      "user/registries.conf.d/00.conf",
    ],
  ],
];

for (const [name, files, expected] of ORDERS) {
  Deno.test(`registriesConfPaths finds ${name}`, () => {
    using machine = new Machine(Object.fromEntries(files.map((file) => [file, ""])));
    assert.deepEqual(
      registriesConfPaths(machine.platform(), machine.system),
      expected.map((file) => machine.path(file)),
    );
  });
}

Deno.test("registriesConfPaths returns only the file that CONTAINERS_REGISTRIES_CONF names", () => {
  using machine = new Machine({ "etc/registries.conf": "", "etc/registries.conf.d/1.conf": "" });
  const platform = machine.platform({ CONTAINERS_REGISTRIES_CONF: "/own.conf" });
  assert.deepEqual(registriesConfPaths(platform, machine.system), ["/own.conf"]);
});

Deno.test("readRegistriesConfs leaves out files that it cannot use, and warns of each", async () => {
  using machine = new Machine({
    "etc/registries.conf": "# only comments\n",
    "etc/registries.conf.d/1.conf": "[[registry]\n",
    "etc/registries.conf.d/2.conf": '[[registry]]\nlocation = "a.test"\n',
    "etc/registries.conf.d/3.conf": "[[registry]]\n",
    "etc/registries.conf.d/4.conf/x": "",
  });
  const warnings: string[] = [];
  const warn = (message: string) => warnings.push(message);
  const { tables } = await readRegistriesConfs(machine.platform(), warn, machine.system);
  assert.deepEqual(tables.map(({ prefix }) => prefix), ["a.test"]);
  const ignored = warnings.map((text) => /(\d\.conf)/.exec(text)?.[1]);
  assert.deepEqual(ignored, ["1.conf", "3.conf", "4.conf"]);
});

Deno.test("readRegistriesConfs warns of a missing file that CONTAINERS_REGISTRIES_CONF names", async () => {
  using machine = new Machine({});
  const env = { CONTAINERS_REGISTRIES_CONF: machine.path("etc/none.conf") };
  const warnings: string[] = [];
  await readRegistriesConfs(machine.platform(env), (message) => warnings.push(message));
  assert.equal(warnings.length, 1);
});
