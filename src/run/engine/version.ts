/**
 * The version of the embedded engine, as a part of the key of what it compiles: the transpiler's, and a number of
 * our own that changes with the way it is called.
 */
export const ENGINE_VERSION = "jco-1.10.2-2";
