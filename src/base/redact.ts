/** Replacement for a secret in messages. */
export const REDACTED = "***";

const secrets = new Set<string>();

/**
 * Registers a secret that {@link redact} removes from every later message.
 * Ignores secrets of fewer than four characters, because removing those would garble ordinary text. Each line of a secret
 * is one too, because messages are cut at a line break.
 */
export function registerSecret(secret: string | undefined): void {
  for (const text of [secret ?? "", ...secret?.split(/[\r\n]+/) ?? []]) {
    if (text.length >= 4) secrets.add(text);
  }
}

/**
 * Removes secrets from a text that will be shown: registered secrets, the user part of URLs, `Authorization` values,
 * and query values that sign a URL, as in the CDN redirects of registries.
 */
export function redact(text: string): string {
  let result = text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#"']+@/gi, `$1${REDACTED}@`)
    .replace(
      /([?&](?:[\w.-]*(?:token|sig|signature|secret|password|credential|key|code|verify)[\w.-]*)=)[^\s&"']+/gi,
      `$1${REDACTED}`,
    )
    // A word of lower-case letters only is not a credential: "Basic authentication".
    .replace(
      /\b(Bearer|Basic|bearer|basic)\s+(?=[a-z]*[A-Z0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,}/g,
      `$1 ${REDACTED}`,
    );
  // Longest first, so that a secret which is the start of a longer one does not leave the rest of that one behind.
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  for (const secret of longestFirst) result = result.replaceAll(secret, REDACTED);
  return result;
}
