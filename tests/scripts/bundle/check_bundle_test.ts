import assert from "node:assert/strict";
import { join } from "node:path";
import { checkDisposals } from "../../../scripts/bundle/check_bundle.ts";
import { CompileError } from "../../../scripts/compile_error.ts";
import { TemporaryFolder } from "../../support/temporary.ts";

const SOURCE = `async function work() {
  using lock = take();
  if (lock && ready()) begin();
  {
    using _ = take();
  }
  return await run();
}
`;

const BUNDLES: [name: string, text: string, isComplete: boolean][] = [
  ["each has a declaration of its own", "{using a=t();{using b=t()}r()}", true],
  ["declarations are joined", "{using a=t(),b=t();r()}", true],
  ["a declaration is asynchronous", "async()=>{await using a=t();using b=t()}", true],
  ["the value of one is put into the next statement", "{t()&&g();{using b=t()}r()}", false],
];

for (const [name, text, isComplete] of BUNDLES) {
  Deno.test(`checkDisposals ${isComplete ? "accepts" : "refuses"} a bundle if ${name}`, () => {
    using folder = new TemporaryFolder();
    Deno.writeTextFileSync(join(folder.path, "main.js"), text);
    const check = () => checkDisposals([SOURCE], folder.path);
    if (isComplete) check();
    else assert.throws(check, CompileError);
  });
}
