import v8 from "node:v8";
import vm from "node:vm";

/** Runs the garbage collector at once, and so clears weak references. */
export function collectGarbage(): void {
  v8.setFlagsFromString("--expose-gc");
  vm.runInNewContext("gc")();
}
