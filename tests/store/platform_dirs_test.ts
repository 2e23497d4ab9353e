import assert from "node:assert/strict";
import { hasCode } from "../../src/base/errors.ts";
import {
  cacheRoot,
  configRoot,
  home,
  type HostPlatform,
  userConfig,
} from "../../src/store/platform_dirs.ts";

type Environment = Record<string, string>;

const platform = (os: HostPlatform["os"], env: Environment): HostPlatform => ({
  os,
  env: (name) => env[name],
});

const linux = { HOME: "/home/me" };
const mac = { HOME: "/Users/me" };
const windows = { USERPROFILE: "C:\\Users\\me" };

/** Name, system, environment, expected folder and rule. */
const CACHES: [string, HostPlatform["os"], Environment, string, string][] = [
  ["the home folder", "linux", linux, "/home/me/.cache/larder", "HOME"],
  ["XDG_CACHE_HOME", "linux", { ...linux, XDG_CACHE_HOME: "/x" }, "/x/larder", "XDG_CACHE_HOME"],
  [
    "XDG_CACHE_HOME without HOME",
    "linux",
    { XDG_CACHE_HOME: "/x/" },
    "/x/larder",
    "XDG_CACHE_HOME",
  ],
  [
    "no relative XDG_CACHE_HOME",
    "linux",
    { ...linux, XDG_CACHE_HOME: "x" },
    "/home/me/.cache/larder",
    "HOME (XDG_CACHE_HOME is not an absolute path and is ignored)",
  ],
  [
    "no empty XDG_CACHE_HOME",
    "linux",
    { ...linux, XDG_CACHE_HOME: "" },
    "/home/me/.cache/larder",
    "HOME",
  ],
  ["the home folder on other Unix systems", "freebsd", linux, "/home/me/.cache/larder", "HOME"],
  ["Library/Caches", "darwin", mac, "/Users/me/Library/Caches/larder", "HOME"],
  [
    "no XDG_CACHE_HOME on macOS",
    "darwin",
    { ...mac, XDG_CACHE_HOME: "/x" },
    "/Users/me/Library/Caches/larder",
    "HOME",
  ],
  [
    "LOCALAPPDATA",
    "windows",
    { ...windows, LOCALAPPDATA: "D:\\Local" },
    "D:\\Local\\larder",
    "LOCALAPPDATA (FOLDERID_LocalAppData)",
  ],
  [
    "the profile without LOCALAPPDATA",
    "windows",
    windows,
    "C:\\Users\\me\\AppData\\Local\\larder",
    "USERPROFILE",
  ],
  [
    "no relative LOCALAPPDATA",
    "windows",
    { ...windows, LOCALAPPDATA: "Local" },
    "C:\\Users\\me\\AppData\\Local\\larder",
    "USERPROFILE",
  ],
  [
    "no HOME and no XDG_CACHE_HOME on Windows",
    "windows",
    { ...windows, HOME: "/h", XDG_CACHE_HOME: "/x" },
    "C:\\Users\\me\\AppData\\Local\\larder",
    "USERPROFILE",
  ],
];

for (const [name, os, env, path, rule] of CACHES) {
  Deno.test(`cacheRoot on ${os}: ${name}`, () => {
    assert.deepEqual(cacheRoot(platform(os, env)), { path, rule });
  });
}

const CONFIGS: [string, HostPlatform["os"], Environment, string, string][] = [
  ["the home folder", "linux", linux, "/home/me/.config/larder", "HOME"],
  ["XDG_CONFIG_HOME", "linux", { ...linux, XDG_CONFIG_HOME: "/x" }, "/x/larder", "XDG_CONFIG_HOME"],
  [
    "no relative XDG_CONFIG_HOME",
    "linux",
    { ...linux, XDG_CONFIG_HOME: "./x" },
    "/home/me/.config/larder",
    "HOME (XDG_CONFIG_HOME is not an absolute path and is ignored)",
  ],
  [
    "Library/Application Support",
    "darwin",
    mac,
    "/Users/me/Library/Application Support/larder",
    "HOME",
  ],
  [
    "APPDATA",
    "windows",
    { ...windows, APPDATA: "D:\\Roaming" },
    "D:\\Roaming\\larder",
    "APPDATA (FOLDERID_RoamingAppData)",
  ],
  [
    "the profile without APPDATA",
    "windows",
    windows,
    "C:\\Users\\me\\AppData\\Roaming\\larder",
    "USERPROFILE",
  ],
];

for (const [name, os, env, path, rule] of CONFIGS) {
  Deno.test(`configRoot on ${os}: ${name}`, () => {
    assert.deepEqual(configRoot(platform(os, env)), { path, rule });
  });
}

Deno.test("userConfig is the parent of configRoot", () => {
  for (const [, os, env, path] of CONFIGS) {
    assert.equal(userConfig(platform(os, env)).path, path.slice(0, -"/larder".length));
  }
});

/** Name, environment, choices, expected folder and rule. */
const CHOICES: [string, Environment, Parameters<typeof cacheRoot>[1], string, string][] = [
  [
    "the option before everything else",
    { ...linux, LARDER_CACHE_DIR: "/v", XDG_CACHE_HOME: "/x" },
    { option: "/o", config: "/c" },
    "/o",
    "--cache-dir",
  ],
  [
    "the variable before the config file",
    { ...linux, LARDER_CACHE_DIR: "/v", XDG_CACHE_HOME: "/x" },
    { config: "/c" },
    "/v",
    "LARDER_CACHE_DIR",
  ],
  [
    "the config file before the platform",
    { ...linux, XDG_CACHE_HOME: "/x" },
    { config: "/c" },
    "/c",
    "cache_dir in the config file",
  ],
  ["not an empty option", { LARDER_CACHE_DIR: "/v" }, { option: "" }, "/v", "LARDER_CACHE_DIR"],
  [
    "not an empty variable",
    { ...linux, LARDER_CACHE_DIR: "" },
    {},
    "/home/me/.cache/larder",
    "HOME",
  ],
  ["an option without HOME", {}, { option: "/o" }, "/o", "--cache-dir"],
  ["a relative option", {}, { option: "a/../b", workingFolder: "/w" }, "/w/b", "--cache-dir"],
  [
    "a relative variable",
    { LARDER_CACHE_DIR: ".." },
    { workingFolder: "/w/x" },
    "/w",
    "LARDER_CACHE_DIR",
  ],
  ["the home folder in an option", linux, { option: "~/c" }, "/home/me/c", "--cache-dir"],
  [
    "the home folder in a variable",
    { ...linux, LARDER_CACHE_DIR: "~/a/../c" },
    {},
    "/home/me/c",
    "LARDER_CACHE_DIR",
  ],
  ["the name of another user", linux, { option: "/w/~x" }, "/w/~x", "--cache-dir"],
  ["an absolute option with dots", {}, { option: "/a/./b/../c" }, "/a/c", "--cache-dir"],
];

for (const [name, env, chosen, path, rule] of CHOICES) {
  Deno.test(`cacheRoot uses ${name}`, () => {
    assert.deepEqual(cacheRoot(platform("linux", env), chosen), { path, rule });
  });
}

Deno.test("cacheRoot joins a relative choice on Windows", () => {
  const chosen = { option: "cache\\x", workingFolder: "C:\\work" };
  assert.equal(cacheRoot(platform("windows", {}), chosen).path, "C:\\work\\cache\\x");
  assert.equal(cacheRoot(platform("windows", {}), { option: "D:/c" }).path, "D:\\c");
});

Deno.test("cacheRoot joins a relative choice to the working folder", () => {
  assert.equal(cacheRoot(platform("linux", {}), { option: "x" }).path, `${Deno.cwd()}/x`);
});

const HOMELESS: [HostPlatform["os"], Environment, RegExp][] = [
  ["linux", {}, /HOME is not set/],
  ["linux", { HOME: "" }, /HOME is not set/],
  ["linux", { HOME: "me" }, /HOME is "me", which is not an absolute path/],
  ["darwin", {}, /HOME is not set/],
  ["windows", { HOME: "/h" }, /USERPROFILE is not set/],
  ["windows", { USERPROFILE: "me" }, /USERPROFILE is "me"/],
];

for (const [os, env, reason] of HOMELESS) {
  Deno.test(`cacheRoot, configRoot and home fail without a home folder: ${os} ${JSON.stringify(env)}`, () => {
    for (const find of [cacheRoot, configRoot, home]) {
      assert.throws(
        () => find(platform(os, env)),
        (error) => hasCode(error, "LDR_CONFIG") && reason.test(error.message),
      );
    }
  });
}
