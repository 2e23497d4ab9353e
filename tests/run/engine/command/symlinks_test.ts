import assert from "node:assert/strict";
import { join } from "node:path";
import { answerSymlink } from "../../../../src/run/engine/command/symlinks.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

/** Asks for a link, and returns the code of the error; the guest's own thread has checked nothing. */
async function ask(
  granted: string,
  readOnly: boolean,
  link: { host?: string; path: string[]; target: string },
): Promise<string> {
  const answer = new SharedArrayBuffer(64);
  const mount = { kind: "folder", guest: "/", host: granted, readOnly } as const;
  await answerSymlink({ host: granted, ...link, answer }, [mount]);
  const length = new Int32Array(answer)[0]!;
  return new TextDecoder().decode(new Uint8Array(answer, 4, length).slice());
}

for (
  const [what, readOnly, link, code] of [
    ["that stays inside", false, { path: ["a"], target: "b" }, ""],
    ["in a read-only folder", true, { path: ["a"], target: "b" }, "not-permitted"],
    ["that leads out", false, { path: ["a"], target: "../b" }, "not-permitted"],
    [
      "below a folder that is not granted",
      false,
      { host: "/", path: ["a"], target: "b" },
      "not-permitted",
    ],
    ["at a path that leads out", false, { path: ["..", "a"], target: "b" }, "not-permitted"],
  ] as const
) {
  Deno.test(`answerSymlink ${code ? "refuses" : "creates"} a link ${what}`, async () => {
    using folder = new TemporaryFolder();
    const granted = Deno.realPathSync(folder.path);
    assert.equal(await ask(granted, readOnly, { ...link, path: [...link.path] }), code);
    const created = () => Deno.readLinkSync(join(granted, "a"));
    if (code) assert.throws(created);
    else assert.equal(created(), link.target);
  });
}
