import assert from "node:assert/strict";
import { authFile, credentialPaths } from "../../../src/cli/registry/credential_paths.ts";
import type { HostPlatform } from "../../../src/store/platform_dirs.ts";

interface Case {
  readonly name: string;
  readonly os: HostPlatform["os"];
  readonly env: Record<string, string>;
  readonly paths: string[];
}

const CASES: Case[] = [
  {
    name: "Linux",
    os: "linux",
    env: { HOME: "/home/bob", XDG_RUNTIME_DIR: "/run/user/1000" },
    paths: [
      "/home/bob/.config/larder/auth.json",
      "/home/bob/.config/fermyon/registry-auth.json",
      "/home/bob/.docker/config.json",
      "/run/user/1000/containers/auth.json",
      "/run/containers/1000/auth.json",
      "/home/bob/.config/containers/auth.json",
    ],
  },
  {
    name: "Linux with every variable",
    os: "linux",
    env: {
      HOME: "/home/bob",
      XDG_CONFIG_HOME: "/cfg",
      XDG_RUNTIME_DIR: "/run",
      DOCKER_CONFIG: "/dock",
      REGISTRY_AUTH_FILE: "/pod/auth.json",
    },
    paths: [
      "/pod/auth.json",
      "/cfg/larder/auth.json",
      "/cfg/fermyon/registry-auth.json",
      "/dock/config.json",
      "/run/containers/auth.json",
      "/run/containers/1000/auth.json",
      "/cfg/containers/auth.json",
    ],
  },
  {
    name: "macOS",
    os: "darwin",
    env: { HOME: "/Users/bob", REGISTRY_AUTH_FILE: "" },
    paths: [
      "/Users/bob/Library/Application Support/larder/auth.json",
      "/Users/bob/Library/Application Support/fermyon/registry-auth.json",
      "/Users/bob/.docker/config.json",
      "/Users/bob/.config/containers/auth.json",
    ],
  },
  {
    name: "Windows",
    os: "windows",
    env: { USERPROFILE: "C:\\Users\\bob", APPDATA: "C:\\Users\\bob\\AppData\\Roaming" },
    paths: [
      "C:\\Users\\bob\\AppData\\Roaming\\larder\\auth.json",
      "C:\\Users\\bob\\AppData\\Roaming\\fermyon\\registry-auth.json",
      "C:\\Users\\bob\\.docker\\config.json",
      "C:\\Users\\bob\\.config\\containers\\auth.json",
    ],
  },
  {
    name: "no home folder",
    os: "linux",
    env: { DOCKER_CONFIG: "/dock", REGISTRY_AUTH_FILE: "auth.json" },
    paths: ["auth.json", "/dock/config.json", "/run/containers/1000/auth.json"],
  },
  {
    name: "nothing but a user",
    os: "linux",
    env: {},
    paths: ["/run/containers/1000/auth.json"],
  },
  { name: "nothing at all", os: "freebsd", env: {}, paths: [] },
];

for (const { name, os, env, paths } of CASES) {
  Deno.test(`credentialPaths lists the files for ${name}`, () => {
    assert.deepEqual(credentialPaths({ os, env: (name) => env[name] }, () => 1000), paths);
  });
}

Deno.test("authFile fails without a home folder", () => {
  assert.throws(() => authFile({ os: "linux", env: () => undefined }), { code: "LDR_CONFIG" });
});
