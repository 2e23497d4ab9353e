import { badLockedApp } from "../../oci/locked_app.ts";

/**
 * What is wrong with a short text that somebody wrote: a route, a template, a host. Who knows where the text stands
 * makes a LarderError of it. The message must not repeat what a template's variables put in: they may be secret.
 */
export class SyntaxFault extends Error {}

/**
 * Reads a text that stands in a locked app.
 * @param place where it stands: `the route of the trigger "cart"`
 * @throws LarderError LDR_BAD_MANIFEST where `read` throws BadText
 */
export function parseLockedText<T>(subject: string, place: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    throw badLockedApp(subject, `${place}: ${error.message}`, error);
  }
}
