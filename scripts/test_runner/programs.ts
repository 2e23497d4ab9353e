// deno-lint-ignore-file no-console
import { hasProgram, PACKAGES, SOAK_PACKAGES } from "../../tests/support/cli/commands.ts";
import { jsComponent } from "../../tests/support/wasm/js_component.ts";

/**
 * Ensures that the programs that tests call are installed: installs them with apt-get as root, otherwise names the
 * missing packages. Returns true if all programs are installed.
 */
export function ensurePrograms(packages = PACKAGES): boolean {
  if (missingPrograms(packages).length === 0) return true;
  const names = missingPackages(packages);
  if (hasProgram("apt-get") && isRoot()) install(names);
  const still = missingPrograms(packages);
  if (still.length === 0) return true;
  console.error(`the tests need ${still.join(", ")}: install the packages ${names.join(" ")}`);
  return false;
}

/** Ensures the same for the programs that only soak tests call; only root needs them. */
export function ensureSoakPrograms(): boolean {
  return ensurePrograms(isRoot() ? { ...PACKAGES, ...SOAK_PACKAGES } : PACKAGES);
}

/** Returns the Debian packages of the missing programs. */
export function missingPackages(packages = PACKAGES): string[] {
  return [...new Set(missingPrograms(packages).map((name) => packages[name]!))].sort();
}

function missingPrograms(packages: typeof PACKAGES): string[] {
  return Object.keys(packages).filter((name) => !hasProgram(name));
}

function isRoot(): boolean {
  return Deno.build.os !== "windows" && Deno.uid() === 0;
}

/**
 * Begins to build the component of JavaScript, if Node is at hand. That takes half a minute, of which the checks need
 * one of two processors, and downloads none.
 */
export function beginComponent(): void {
  if (hasProgram("node") && hasProgram("npm")) jsComponent("command").catch(() => {});
}

/** Builds the component before the tests start, each of which would build it otherwise. Returns true if it is built. */
export async function ensureComponent(): Promise<boolean> {
  try {
    await jsComponent("command");
    return true;
  } catch (error) {
    console.error(`cannot build the tests' component of JavaScript: ${error}`);
    return false;
  }
}

function install(packages: readonly string[]): void {
  console.log(`installing ${packages.join(" ")}`);
  aptGet("update");
  aptGet("install", "--yes", "--no-install-recommends", ...packages);
}

function aptGet(...args: string[]): void {
  new Deno.Command("apt-get", {
    args: ["-qq", ...args],
    env: { DEBIAN_FRONTEND: "noninteractive" },
    stdin: "null",
    stdout: "null",
    stderr: "inherit",
  }).outputSync();
}
