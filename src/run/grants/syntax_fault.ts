/**
 * The reason why a short text, such as a route, a template or a host, is invalid; the caller adds where the text is
 * from. Invariant: the message does not repeat values of variables, because they can be secret.
 */
export class SyntaxFault extends Error {}
