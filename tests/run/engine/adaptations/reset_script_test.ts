import assert from "node:assert/strict";
import { addReset } from "../../../../src/run/engine/adaptations/reset_script.ts";

/** A script of the shape that jco generates. */
const SCRIPT = `export function instantiate(getCoreModule, imports, instantiateCore) {
  
  let curResourceBorrows = [];
  
  const handleTables = [];
  
  const T_FLAG = 1 << 30;
  
  const module0 = getCoreModule('component.core.wasm');
  const { exit } = imports['wasi:cli/exit'];
  let gen = (function* init () {
    let exports0;
    const handleTable7 = [T_FLAG, 0];
    const captureTable7= new Map();
    let captureCnt7 = 0;
    handleTables[7] = handleTable7;
    function use() {
      handleTable7.push(1, 2);
      captureTable7.set(++captureCnt7, {});
      curResourceBorrows.push({});
      return [handleTable7.length, captureTable7.size, captureCnt7, curResourceBorrows.length];
    }
    ({ exports: exports0 } = yield instantiateCore(yield module0));
    return { use,  };
  })();
  let promise, resolve, reject;
  const maybeSyncReturn = run();
  return maybeSyncReturn;
  function run() {
    for (let last;;) {
      const { value, done } = gen.next(last);
      if (done) return value;
      last = value;
    }
  }
}
`;

Deno.test("addReset brings the state of a script back to the beginning", () => {
  const script = addReset(SCRIPT)!.replace("export ", "") + "\nreturn instantiate;";
  const { use, "larder:reset": reset } = new Function(script)()(
    () => ({}),
    { "wasi:cli/exit": {} },
    () => ({ exports: {} }),
  );
  const first = use();
  use();
  reset();
  assert.deepEqual(use(), first);
});

for (
  const [what, from, to] of [
    [
      "other state of an instance",
      "    let exports0;\n",
      "    let exports0;\n    const seen = [];\n",
    ],
    ["a variable that changes", "handleTable7.push(1, 2);", "exports0 = undefined;"],
    ["other state of the script", "  const T_FLAG", "  let seen = 0;\n  const T_FLAG"],
    ["no end that is known", "    return { use,  };", "    return use;"],
  ] as const
) {
  Deno.test(`addReset returns undefined for a script with ${what}`, () => {
    assert.ok(SCRIPT.includes(from));
    assert.equal(addReset(SCRIPT.replace(from, to)), undefined);
  });
}
