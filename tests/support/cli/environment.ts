import { join, resolve } from "node:path";

/** Variables that say how this machine reaches package registries. */
const OF_DOWNLOADS =
  /^(SSL_CERT_FILE|SSL_CERT_DIR|NODE_EXTRA_CA_CERTS|DENO_CERT|DENO_TLS_CA_STORE|npm_config_.*|https?_proxy|all_proxy|no_proxy)$/i;

/** What a child needs to start: on Windows, more than elsewhere. */
const OF_THE_SYSTEM = Deno.build.os === "windows"
  ? /^(PATH|HOME|SystemRoot|USERPROFILE|LOCALAPPDATA|TEMP|TMP)$/i
  : /^(PATH|HOME)$/;

/** Where Deno keeps the packages that it downloaded, which a child with an empty home needs as well. */
export const DENO_DIR = resolve(Deno.env.get("DENO_DIR") || join(userCache(), "deno"));

export interface EnvironmentOptions {
  /** Whether the child downloads packages: it then gets the machine's certificates, mirrors and proxies as well. */
  readonly downloads?: boolean;
}

/**
 * The whole environment of a child that is Deno, or larder, for `clearEnv: true`: `variables`, and otherwise only
 * what a child needs to start. Settings of the person who runs the tests do not reach it, and Deno neither looks
 * for updates of itself nor colours its output.
 */
export function childEnvironment(
  variables: Readonly<Record<string, string>> = {},
  { downloads = false }: EnvironmentOptions = {},
): Record<string, string> {
  const passed = Object.entries(Deno.env.toObject()).filter(([name]) =>
    OF_THE_SYSTEM.test(name) ||
    (downloads && OF_DOWNLOADS.test(name))
  );
  return {
    ...Object.fromEntries(passed),
    DENO_DIR,
    DENO_NO_UPDATE_CHECK: "1",
    NO_COLOR: "1",
    ...variables,
  };
}

/** Where this user's programs keep their caches, as Deno finds it. */
function userCache(): string {
  const { XDG_CACHE_HOME, LOCALAPPDATA, HOME = "/" } = Deno.env.toObject();
  if (Deno.build.os === "windows" && LOCALAPPDATA) return LOCALAPPDATA;
  if (Deno.build.os === "darwin") return join(HOME, "Library/Caches");
  return XDG_CACHE_HOME || join(HOME, ".cache");
}
