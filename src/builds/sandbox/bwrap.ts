import { delimiter, join } from "node:path";
import { statIfAny } from "../../base/files/files.ts";
import { runProgram } from "../../base/programs.ts";

/** Milliseconds that bwrap may take to start a program that does nothing. */
const PROBE_TIMEOUT = 10_000;

/** Returns the path of the installed bwrap (Bubblewrap); undefined if there is none, or the system is not Linux. */
export function findBwrap(): string | undefined {
  if (Deno.build.os !== "linux") return undefined;
  const folders = (Deno.env.get("PATH") ?? "").split(delimiter);
  return folders.filter((folder) => folder.startsWith("/")).map((folder) => join(folder, "bwrap"))
    .find((path) => statIfAny(path)?.isDirectory === false);
}

/** Returns why bwrap does not work, as in a container without user namespaces; undefined if it does. */
export async function bwrapFault(bwrap: string, signal?: AbortSignal): Promise<string | undefined> {
  const args = [...isolation({ network: false }), "--ro-bind", "/", "/", "true"];
  const script = `exec "$@" 2>&1`;
  try {
    const result = await runProgram("sh", {
      args: ["-c", script, "sh", bwrap, ...args],
      stderr: "null",
      timeout: PROBE_TIMEOUT,
      limit: 64 * 1024,
      signal,
    });
    if (!result.ended) return `it ${result.reason}`;
    return result.success ? undefined : result.stdout.split("\n").at(-1) || `exit ${result.code}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "there is no sh";
    throw error;
  }
}

/** Returns the arguments of bwrap that separate a command from the processes, users and network of the system. */
export function isolation({ network }: { network: boolean }): string[] {
  return [
    ...["--unshare-user", "--uid", "0", "--gid", "0"],
    ...["--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup-try"],
    ...network ? [] : ["--unshare-net"],
    ...["--hostname", "larder", "--die-with-parent", "--new-session", "--clearenv"],
  ];
}
