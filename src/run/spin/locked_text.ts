import { badLockedApp } from "../../oci/locked_app.ts";
import { SyntaxFault } from "../grants/syntax_fault.ts";

/**
 * Parses a text of a locked app.
 * @param subject name of the app, for messages
 * @param location where in the app the text is: `the route of the trigger "cart"`
 * @throws LarderError LDR_BAD_MANIFEST if `parse` throws a SyntaxFault
 */
export function parseLockedText<T>(subject: string, location: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof SyntaxFault)) throw error;
    throw badLockedApp(subject, `${location}: ${error.message}`, error);
  }
}
