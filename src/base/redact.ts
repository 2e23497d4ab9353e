/** What a secret is replaced by in every message. */
export const REDACTED = "***";

const secrets = new Set<string>();

/**
 * Remembers a secret, so that {@link redact} takes it out of every message from now on.
 * A secret of fewer than four characters is not remembered: removing it would garble ordinary text.
 */
export function registerSecret(secret: string | undefined): void {
  if (secret && secret.length >= 4) secrets.add(secret);
}

/**
 * Takes secrets out of a text that is about to be shown: those registered, the user part of URLs, query
 * values that sign a URL (as CDN redirects of registries carry), and `Authorization` values.
 */
export function redact(text: string): string {
  let result = text
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)[^\s/?#"']+@/gi, `$1${REDACTED}@`)
    .replace(
      /([?&](?:[\w.-]*(?:token|sig|signature|secret|password|credential|key|code|verify)[\w.-]*)=)[^\s&"']+/gi,
      `$1${REDACTED}`,
    )
    // A word in lower-case letters alone is no credential: "Basic authentication".
    .replace(
      /\b(Bearer|Basic|bearer|basic)\s+(?=[a-z]*[A-Z0-9._~+/=-])[A-Za-z0-9._~+/=-]{8,}/g,
      `$1 ${REDACTED}`,
    );
  // The longer first: one that begins like another would leave its end behind.
  const longestFirst = [...secrets].sort((a, b) => b.length - a.length);
  for (const secret of longestFirst) result = result.replaceAll(secret, REDACTED);
  return result;
}
