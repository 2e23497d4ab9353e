import { WasiError } from "../errors.ts";

/** Source: Spin's spin-expressions crate, `Key::validate`. */
const NAME = /^[a-z][a-z0-9]*(?:_[a-z0-9]+)*$/;

/**
 * `fermyon:spin/variables`, which Spin 4 calls `spin:variables`, and `wasi:config/store`, whose first draft calls it
 * `runtime`, with the values of the component's variables by name.
 */
export function variableImports(
  variables: Readonly<Record<string, string>>,
): Record<string, object> {
  const ofSpin = {
    get(name: string): string {
      if (!NAME.test(name)) throw new WasiError({ tag: "invalid-name", val: name });
      if (Object.hasOwn(variables, name)) return variables[name]!;
      throw new WasiError({ tag: "undefined", val: `the component has no variable "${name}"` });
    },
  };
  const ofWasi = {
    get: (key: string) => Object.hasOwn(variables, key) ? variables[key] : undefined,
    getAll: () => Object.entries(variables),
  };
  return {
    "fermyon:spin/variables": ofSpin,
    "spin:variables/variables": ofSpin,
    "wasi:config/runtime": ofWasi,
    "wasi:config/store": ofWasi,
  };
}
