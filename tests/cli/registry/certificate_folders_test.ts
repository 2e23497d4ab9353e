import assert from "node:assert/strict";
import { certificateFolders } from "../../../src/cli/registry/certificate_folders.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";

const SYSTEM = ["/etc/containers/certs.d", "/etc/docker/certs.d"];

const CASES: [name: string, os: HostPlatform["os"], env: Record<string, string>, string[]][] = [
  ["Linux", "linux", { HOME: "/home/bob" }, [
    "/home/bob/.config/containers/certs.d",
    "/home/bob/.docker/certs.d",
    ...SYSTEM,
  ]],
  ["Linux with a config folder", "linux", { HOME: "/home/bob", XDG_CONFIG_HOME: "/cfg" }, [
    "/cfg/containers/certs.d",
    "/home/bob/.docker/certs.d",
    ...SYSTEM,
  ]],
  ["macOS", "darwin", { HOME: "/Users/bob" }, [
    "/Users/bob/.config/containers/certs.d",
    "/Users/bob/.docker/certs.d",
    ...SYSTEM,
  ]],
  ["Windows", "windows", { USERPROFILE: "C:\\Users\\bob" }, [
    "C:\\Users\\bob\\.config\\containers\\certs.d",
    "C:\\Users\\bob\\.docker\\certs.d",
  ]],
  ["no home folder", "linux", {}, SYSTEM],
];

for (const [name, os, env, folders] of CASES) {
  Deno.test(`certificateFolders lists the folders for ${name}`, () => {
    assert.deepEqual(certificateFolders({ os, env: (name) => env[name] }), folders);
  });
}
