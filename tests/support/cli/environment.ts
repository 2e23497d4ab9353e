import { join, resolve } from "node:path";

/** Variables that configure how this machine reaches package registries. */
const DOWNLOAD_VARIABLES =
  /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|DENO_CERT|DENO_TLS_CA_STORE|npm_config_.*|pip_.*|https?_proxy|all_proxy|no_proxy)$/i;

/** Variables that a child process needs to start. Windows needs more than other systems. */
const SYSTEM_VARIABLES = Deno.build.os === "windows"
  ? /^(PATH|HOME|SystemRoot|USERPROFILE|LOCALAPPDATA|TEMP|TMP)$/i
  : /^(PATH|HOME)$/;

/** Deno's cache of packages, which a child with an empty home needs too. */
export const DENO_DIR = resolve(Deno.env.get("DENO_DIR") || join(userCache(), "deno"));

/** A file that is always there and has no content. */
export const EMPTY_FILE = Deno.build.os === "windows" ? "NUL" : "/dev/null";

export interface EnvironmentOptions {
  /** True if the child downloads packages, and so needs the machine's certificates, mirrors and proxies. */
  readonly downloads?: boolean;
}

/**
 * Returns the whole environment of a child process, for `clearEnv: true`: `variables` and what a child needs to start.
 * The child does not inherit the user's settings, and Deno neither checks for updates of itself nor colours its
 * output.
 */
export function childEnvironment(
  variables: Readonly<Record<string, string>> = {},
  { downloads = false }: EnvironmentOptions = {},
): Record<string, string> {
  const passed = Object.entries(Deno.env.toObject()).filter(([name]) =>
    SYSTEM_VARIABLES.test(name) ||
    (downloads && DOWNLOAD_VARIABLES.test(name))
  );
  return {
    ...Object.fromEntries(passed),
    DENO_DIR,
    DENO_NO_UPDATE_CHECK: "1",
    // The settings of this machine for registries do not apply to tests.
    CONTAINERS_REGISTRIES_CONF: EMPTY_FILE,
    NO_COLOR: "1",
    ...variables,
  };
}

/** Returns the user's cache folder as Deno finds it. */
function userCache(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME = "/" } = Deno.env.toObject();
  if (Deno.build.os === "windows" && LOCALAPPDATA) return LOCALAPPDATA;
  if (Deno.build.os === "darwin") return join(HOME, "Library/Caches");
  return XDG_CACHE_HOME || join(HOME, ".cache");
}
