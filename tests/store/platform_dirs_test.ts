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

/** What decides, on which system, the environment, the folder, and the words for it. */
const CACHES: [string, HostPlatform["os"], Environment, string, string][] = [
  ["the home folder", "linux", linux, "/home/me/.cache/larder", "HOME"],
  ["XDG", "linux", { ...linux, XDG_CACHE_HOME: "/x" }, "/x/larder", "XDG_CACHE_HOME"],
  ["XDG without a home", "linux", { XDG_CACHE_HOME: "/x/" }, "/x/larder", "XDG_CACHE_HOME"],
  [
    "no relative XDG",
    "linux",
    { ...linux, XDG_CACHE_HOME: "x" },
    "/home/me/.cache/larder",
    "HOME (XDG_CACHE_HOME is not an absolute path and is ignored)",
  ],
  ["no empty XDG", "linux", { ...linux, XDG_CACHE_HOME: "" }, "/home/me/.cache/larder", "HOME"],
  ["the same on other Unixes", "freebsd", linux, "/home/me/.cache/larder", "HOME"],
  ["Apple's folder", "darwin", mac, "/Users/me/Library/Caches/larder", "HOME"],
  [
    "no XDG on macOS",
    "darwin",
    { ...mac, XDG_CACHE_HOME: "/x" },
    "/Users/me/Library/Caches/larder",
    "HOME",
  ],
  [
    "Windows' folder",
    "windows",
    { ...windows, LOCALAPPDATA: "D:\\Local" },
    "D:\\Local\\larder",
    "LOCALAPPDATA (FOLDERID_LocalAppData)",
  ],
  [
    "the profile where that is not set",
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
    "no HOME and no XDG on Windows",
    "windows",
    { ...windows, HOME: "/h", XDG_CACHE_HOME: "/x" },
    "C:\\Users\\me\\AppData\\Local\\larder",
    "USERPROFILE",
  ],
];

for (const [name, os, env, path, rule] of CACHES) {
  Deno.test(`the cache folder on ${os}: ${name}`, () => {
    assert.deepEqual(cacheRoot(platform(os, env)), { path, rule });
  });
}

const CONFIGS: [string, HostPlatform["os"], Environment, string, string][] = [
  ["the home folder", "linux", linux, "/home/me/.config/larder", "HOME"],
  ["XDG", "linux", { ...linux, XDG_CONFIG_HOME: "/x" }, "/x/larder", "XDG_CONFIG_HOME"],
  [
    "no relative XDG",
    "linux",
    { ...linux, XDG_CONFIG_HOME: "./x" },
    "/home/me/.config/larder",
    "HOME (XDG_CONFIG_HOME is not an absolute path and is ignored)",
  ],
  ["Apple's folder", "darwin", mac, "/Users/me/Library/Application Support/larder", "HOME"],
  [
    "Windows' folder",
    "windows",
    { ...windows, APPDATA: "D:\\Roaming" },
    "D:\\Roaming\\larder",
    "APPDATA (FOLDERID_RoamingAppData)",
  ],
  [
    "the profile where that is not set",
    "windows",
    windows,
    "C:\\Users\\me\\AppData\\Roaming\\larder",
    "USERPROFILE",
  ],
];

for (const [name, os, env, path, rule] of CONFIGS) {
  Deno.test(`the config folder on ${os}: ${name}`, () => {
    assert.deepEqual(configRoot(platform(os, env)), { path, rule });
  });
}

Deno.test("the config folder of all programs is the one that larder's lies in", () => {
  for (const [, os, env, path] of CONFIGS) {
    assert.equal(userConfig(platform(os, env)).path, path.slice(0, -"/larder".length));
  }
});

/** Name, the environment, what was chosen, the folder and the words for it. */
const CHOICES: [string, Environment, Parameters<typeof cacheRoot>[1], string, string][] = [
  [
    "the option before all",
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
  ["an empty option is none", { LARDER_CACHE_DIR: "/v" }, { option: "" }, "/v", "LARDER_CACHE_DIR"],
  [
    "an empty variable is none",
    { ...linux, LARDER_CACHE_DIR: "" },
    {},
    "/home/me/.cache/larder",
    "HOME",
  ],
  ["no home is needed", {}, { option: "/o" }, "/o", "--cache-dir"],
  ["a relative option", {}, { option: "a/../b", workingFolder: "/w" }, "/w/b", "--cache-dir"],
  [
    "a relative variable",
    { LARDER_CACHE_DIR: ".." },
    { workingFolder: "/w/x" },
    "/w",
    "LARDER_CACHE_DIR",
  ],
  ["dots in an absolute one", {}, { option: "/a/./b/../c" }, "/a/c", "--cache-dir"],
];

for (const [name, env, chosen, path, rule] of CHOICES) {
  Deno.test(`the cache folder that was chosen: ${name}`, () => {
    assert.deepEqual(cacheRoot(platform("linux", env), chosen), { path, rule });
  });
}

Deno.test("a relative choice on Windows is joined as Windows does", () => {
  const chosen = { option: "cache\\x", workingFolder: "C:\\work" };
  assert.equal(cacheRoot(platform("windows", {}), chosen).path, "C:\\work\\cache\\x");
  assert.equal(cacheRoot(platform("windows", {}), { option: "D:/c" }).path, "D:\\c");
});

Deno.test("a relative choice is joined to the folder that larder runs in", () => {
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
  Deno.test(`without a home on ${os} ${JSON.stringify(env)} that is said`, () => {
    for (const find of [cacheRoot, configRoot, home]) {
      assert.throws(
        () => find(platform(os, env)),
        (error) => hasCode(error, "LDR_CONFIG") && reason.test(error.message),
      );
    }
  });
}
