/** An error whose message is enough for the user, so that no stack is printed. */
export class CompileError extends Error {}
