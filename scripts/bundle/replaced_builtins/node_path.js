/** What larder uses of `node:path`: the same code, made for browsers, and on Windows the module itself. */
import browser from "path-browserify";

const nodes = () => globalThis.process.getBuiltinModule("node:path");
const path = Deno.build.os === "windows" ? nodes() : browser;

export default path;
export const { basename, delimiter, dirname, extname, isAbsolute, join } = path;
export const { normalize, relative, resolve, sep } = path;
export const posix = browser;
/** Loaded on its first use, because only Windows needs it. */
export const win32 = new Proxy({}, { get: (_, key) => Reflect.get(nodes().win32, key) });
