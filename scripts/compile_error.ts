/** A failure to compile that needs no stack: what failed, and what to do. */
export class CompileError extends Error {}
