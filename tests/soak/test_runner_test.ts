import assert from "node:assert/strict";
import { join } from "node:path";
import { childEnvironment } from "../support/cli/environment.ts";
import { TemporaryFolder } from "../support/temporary.ts";

const ROOT = join(import.meta.dirname!, "../..");
const NOWHERE = "http://127.0.0.1:9";

/** Returns variables of a user that would change what larder and its tests do. */
function hostileVariables(folder: string): Record<string, string> {
  const garbage = join(folder, "garbage");
  Deno.writeTextFileSync(garbage, "garbage");
  const proxies = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy"];
  const folders = ["LARDER_CACHE_DIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "DOCKER_CONFIG"];
  return {
    ...Object.fromEntries(proxies.map((name) => [name, NOWHERE])),
    ...Object.fromEntries(folders.map((name) => [name, "/nonexistent"])),
    REGISTRY_AUTH_FILE: garbage,
    SSL_CERT_FILE: garbage,
    LARDER_BIN: "/nonexistent/larder",
    LARDER_BUNDLE: "/nonexistent/main.js",
    LARDER_GC_MAX_SIZE: "a lot",
    FORCE_COLOR: "1",
    CLICOLOR_FORCE: "1",
    NO_COLOR: "",
    DENO_NO_UPDATE_CHECK: "",
  };
}

Deno.test("the test runner shields the tests from the user's environment", async () => {
  using folder = new TemporaryFolder();
  const files = [
    "tests/registry/http/proxy_test.ts",
    "tests/e2e/proxy_test.ts",
    "tests/cli/commands/dir/dir_test.ts",
  ];
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "test", ...files],
    cwd: ROOT,
    clearEnv: true,
    env: childEnvironment(hostileVariables(folder.path)),
    stdin: "null",
  }).output();
  const [said, errors] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  assert.equal(code, 0, said! + errors);
  const [, passed] = /^(\d+) passed, 0 failed$/.exec(said!.trimEnd().split("\n").at(-1)!) ?? [];
  assert.ok(Number(passed) > 50, said);
});
