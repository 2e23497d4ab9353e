import { join } from "node:path";
import { TemporaryFolder } from "../temporary.ts";
import { findProgram, run } from "./commands.ts";
import { childEnvironment } from "./environment.ts";

/** Go, which need not be on the search path. */
export const GO: string | undefined = findProgram("go") ?? findProgram("/usr/local/go/bin/go");

const MODULE = join(import.meta.dirname!, "../../conformance");
const PACKAGE = "github.com/opencontainers/distribution-spec/conformance";

/** What the suite is to ask of a registry: variables without their prefix `OCI_`. */
export type ConformanceOptions = Readonly<Record<string, string>>;

/** The number of tests by their result, and the lines of those that failed. */
export interface ConformanceResult {
  readonly passed: number;
  readonly failed: number;
  readonly report: string;
}

/** Variables without which the suite would delete what it is given to read. */
export const READ_ONLY: ConformanceOptions = {
  API_PUSH: "false",
  API_BLOBS_DELETE: "false",
  API_MANIFESTS_DELETE: "false",
  API_TAGS_DELETE: "false",
  API_BLOBS_MOUNT_ANONYMOUS: "false",
};

/** Returns Go and the environment in which it downloads modules. */
export function goEnvironment(): { readonly go: string; readonly env: Record<string, string> } {
  const env = childEnvironment({ GOTOOLCHAIN: "local", CGO_ENABLED: "0" }, { downloads: true });
  const passed = Deno.env.toObject();
  const proxy = Object.entries(passed).filter(([name]) => /^GO(?:PROXY|SUMDB|FLAGS)$/.test(name));
  return { go: GO!, env: { ...env, ...Object.fromEntries(proxy) } };
}

/** Builds the conformance suite of the distribution specification and runs it. */
export async function runConformance(options: ConformanceOptions): Promise<ConformanceResult> {
  using folder = new TemporaryFolder();
  const program = join(folder.path, "conformance");
  const { go, env } = goEnvironment();
  await run(go, ["-C", MODULE, "build", "-o", program, PACKAGE], { env });
  const variables = Object.entries({ TLS: "disabled", VERSION: "1.1", ...options })
    .map(([name, value]) => [`OCI_${name}`, value] as const);
  const { stdout } = await new Deno.Command(program, {
    cwd: folder.path,
    clearEnv: true,
    env: childEnvironment({
      ...Object.fromEntries(variables),
      OCI_RESULTS_DIR: join(folder.path, "results"),
    }),
    stdout: "piped",
    stderr: "null", // It ends with a panic in read-only mode, after the report.
  }).output();
  const report = new TextDecoder().decode(stdout);
  const count = (what: string) =>
    Number(new RegExp(`^ {2}${what}\\.+: +(\\d+)$`, "m").exec(report)?.[1] ?? NaN);
  return { passed: count("Pass"), failed: count("FAIL") + count("Error") + count("Skip"), report };
}
