/**
 * The version of the embedded engine, a part of the key of compiled code: the version of the transpiler, and a number
 * that changes with the options and with everything else that changes its output.
 */
export const ENGINE_VERSION = "jco-1.10.2-3";
