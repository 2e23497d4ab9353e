import { dirname, join } from "node:path";
import { run } from "../cli/commands.ts";
import { TemporaryFolder } from "../temporary.ts";

/** Builds a Debian package with `dpkg-deb`, for every architecture, and returns its bytes. */
export async function deb(
  name: string,
  version: string,
  files: Readonly<Record<string, string>>,
): Promise<Uint8Array<ArrayBuffer>> {
  using folder = new TemporaryFolder();
  const root = join(folder.path, "root");
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    "Architecture: all",
    "Maintainer: Test <test@example.test>",
    `Description: ${name}`,
    "",
  ].join("\n");
  for (const [path, text] of Object.entries({ ...files, "DEBIAN/control": control })) {
    Deno.mkdirSync(dirname(join(root, path)), { recursive: true, mode: 0o755 });
    Deno.writeTextFileSync(join(root, path), text);
  }
  const file = join(folder.path, `${name}.deb`);
  await run("dpkg-deb", ["--root-owner-group", "-Znone", "--build", root, file]);
  return Deno.readFileSync(file);
}
