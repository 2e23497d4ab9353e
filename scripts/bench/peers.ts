import { join } from "node:path";
import { hasProgram, run } from "../../tests/support/commands.ts";

/** The peers that Go's module proxy has: what they are built from, and which package is the program. */
const GO_PEERS = {
  crane: {
    module: "github.com/google/go-containerregistry",
    version: "v0.20.6",
    path: "/cmd/crane",
  },
  oras: { module: "oras.land/oras", version: "v1.2.3", path: "/cmd/oras" },
} as const;

/**
 * Builds a peer with Go, once, into a folder.
 * @returns its path, or why it cannot be had
 */
export async function goPeer(
  name: keyof typeof GO_PEERS,
  folder: string,
): Promise<{ path: string } | { missing: string }> {
  if (hasProgram(name)) return { path: name };
  const path = join(folder, name);
  try {
    Deno.statSync(path);
    return { path };
  } catch {
    // Not built yet.
  }
  if (!hasProgram("go")) return { missing: `${name}: Go is not installed` };
  const { module, version, path: program } = GO_PEERS[name];
  const work = Deno.makeTempDirSync();
  try {
    // A module that requires it: `go install` asks for lists of versions, which not every proxy serves.
    Deno.writeTextFileSync(
      join(work, "go.mod"),
      `module bench\n\ngo 1.23\n\nrequire ${module} ${version}\n`,
    );
    await run("go", ["build", "-C", work, "-mod=mod", "-o", path, `${module}${program}`]);
    return { path };
  } catch (error) {
    return { missing: `${name}: ${(error as Error).message.split("\n").at(-2) ?? "not built"}` };
  } finally {
    Deno.removeSync(work, { recursive: true });
  }
}
