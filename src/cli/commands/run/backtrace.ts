import type { TrapFrame } from "../../../run/engine/trap_report.ts";
import { demangle } from "../../../run/wasm/demangle.ts";

/**
 * Returns a line for each call that was under way when a guest trapped, the innermost first.
 * @param verbose adds the index of the function and the offset in its module
 */
export function backtraceLines(frames: readonly TrapFrame[], verbose = false): string[] {
  return frames.map(({ name, index, offset }, i) => {
    const number = `function ${index}`;
    const place = verbose ? `${number} at ${offset}` : number;
    const text = name === undefined ? place : `${demangle(name)}${verbose ? ` (${place})` : ""}`;
    return `  ${String(i).padStart(2)}: ${text}`;
  });
}
