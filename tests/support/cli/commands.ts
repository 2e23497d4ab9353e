import { childEnvironment } from "./environment.ts";

/** The Debian packages of the programs that tests call. */
export const PACKAGES: Readonly<Record<string, string>> = {
  "apt-get": "apt",
  "/usr/include/wasm32-wasi/wasi/api.h": "wasi-libc",
  bwrap: "bubblewrap",
  "chromium-headless-shell": "chromium-headless-shell",
  clang: "clang",
  curl: "curl",
  "docker-registry": "docker-registry",
  dpkg: "dpkg",
  "dpkg-deb": "dpkg",
  fish: "fish",
  groff: "groff-base",
  htpasswd: "apache2-utils",
  mke2fs: "e2fsprogs",
  mksquashfs: "squashfs-tools",
  mount: "mount",
  node: "nodejs",
  nohup: "coreutils",
  npm: "npm",
  openssl: "openssl",
  script: "bsdutils",
  setpriv: "util-linux",
  shasum: "perl",
  skopeo: "skopeo",
  strace: "strace",
  tar: "tar",
  umoci: "umoci",
  unshare: "util-linux",
  "wasm-ld": "lld",
  wat2wasm: "wabt",
  wget: "wget",
  zsh: "zsh",
};

/** Those of the programs that only soak tests call, and only as root. */
export const SOAK_PACKAGES: Readonly<Record<string, string>> = {
  containerd: "containerd",
  ctr: "containerd",
  dockerd: "docker.io",
};

/** Returns the error for a missing program, which names the Debian package to install. */
export function missingProgram(name: string): Error {
  const debianPackage = PACKAGES[name] ?? SOAK_PACKAGES[name] ?? name;
  return new Error(
    `this test needs "${name}": apt-get install ${debianPackage} (Debian, Ubuntu)`,
  );
}

/** True if a program, given by its name or its path, is installed. */
export function hasProgram(name: string): boolean {
  return findProgram(name) !== undefined;
}

/** Returns the path of a program, given by its name or its path; undefined if it is not installed. */
export function findProgram(name: string): string | undefined {
  const path = name.includes("/") ? [] : (Deno.env.get("PATH") ?? "").split(":");
  return [...path.map((folder) => `${folder}/${name}`), name].find((candidate) => {
    try {
      return candidate.includes("/") && Deno.statSync(candidate).isFile;
    } catch {
      return false;
    }
  });
}

/**
 * Runs a program and returns its stdout. Throws its stderr if it fails.
 *
 * @param options `env` is the whole environment; by default that of {@link childEnvironment}
 */
export async function run(
  name: string,
  args: readonly string[],
  options: { stdin?: string; env?: Record<string, string> } = {},
): Promise<string> {
  if (!hasProgram(name)) throw missingProgram(name);
  const child = new Deno.Command(name, {
    args: [...args],
    clearEnv: true,
    env: options.env ?? childEnvironment(),
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.stdin !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.stdin));
    await writer.close();
  }
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return new TextDecoder().decode(stdout);
  throw new Error(
    `${name} ${args.join(" ")} ended with ${code}: ${new TextDecoder().decode(stderr)}`,
  );
}
