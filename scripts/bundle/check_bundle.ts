import { join } from "node:path";
import { parse } from "acorn";
import { CompileError } from "../compile_error.ts";

const DECLARATION = /^\s*(?:await )?using \w+ = /gm;

/**
 * Refuses a bundle that does not dispose of everything that the sources dispose of. The minifier puts the value of a
 * variable that is used once into the next statement, and does so with `using` too: then a lock is never released.
 *
 * @param sources the texts of the modules that are bundled
 * @param folder the folder of the bundle
 * @throws CompileError if declarations with `using` are lost
 */
export function checkDisposals(sources: Iterable<string>, folder: string): void {
  let expected = 0;
  for (const text of sources) expected += text.match(DECLARATION)?.length ?? 0;
  let found = 0;
  for (const { name } of Deno.readDirSync(folder)) {
    if (name.endsWith(".js")) found += countUsing(Deno.readTextFileSync(join(folder, name)));
  }
  if (found >= expected) return;
  throw new CompileError(
    `the bundle has lost ${expected - found} of ${expected} declarations with using: use the ` +
      "variable twice, or in a function",
  );
}

/** Returns the number of variables in a module that are declared with `using`. */
function countUsing(text: string): number {
  let count = 0;
  const visit = (node: unknown) => {
    if (typeof node !== "object" || node === null) return;
    const { type, kind, declarations } = node as {
      type?: string;
      kind?: string;
      declarations?: unknown[];
    };
    if (type === "VariableDeclaration" && kind?.endsWith("using")) count += declarations!.length;
    for (const child of Object.values(node)) visit(child);
  };
  visit(parse(text, { ecmaVersion: "latest", sourceType: "module" }));
  return count;
}
