import assert from "node:assert/strict";
import { isFile } from "../../../../src/cli/commands/run/options.ts";
import { TemporaryFolder } from "../../../support/temporary.ts";

/** Returns whether a subject is a file in a folder with `guests/app`, `Makefile` and the folder `team`, and the notes. */
function inFolder(subject: string): [isFile: boolean, notes: string[]] {
  using folder = new TemporaryFolder();
  for (const name of ["guests", "team/tool", "v1.d"]) {
    Deno.mkdirSync(`${folder.path}/${name}`, { recursive: true });
  }
  for (const name of ["guests/app", "Makefile", "v1.d/app", "app:v1"]) {
    Deno.writeTextFileSync(`${folder.path}/${name}`, "");
  }
  const before = Deno.cwd();
  Deno.chdir(folder.path);
  try {
    const notes: string[] = [];
    return [isFile(subject, (note) => notes.push(note)), notes];
  } finally {
    Deno.chdir(before);
  }
}

for (
  const [subject, expected, hasNote] of [
    ["app.wasm", true, false],
    ["./missing", true, false],
    ["../app", true, false],
    ["/missing/app", true, false],
    ["guests/app", true, true],
    ["v1.d/app", true, true],
    ["app:v1", true, true],
    // Not the name of a repository, which has no capital letters.
    ["Makefile", true, false],
    ["team/tool", false, false],
    ["guests/missing", false, false],
    ["ghcr.io/acme/app:v1", false, false],
    ["", false, false],
  ] as const
) {
  Deno.test(`isFile takes "${subject}" for a ${expected ? "file" : "reference"}`, () => {
    const [actual, notes] = inFolder(subject);
    assert.equal(actual, expected);
    const note = `running the file ${subject}; docker://${subject} runs the reference of that name`;
    assert.deepEqual(notes, hasNote ? [note] : []);
  });
}
