import { systemClock } from "../../../base/concurrency.ts";
import { Access } from "../../../serve/access/access.ts";
import { openTlsFiles, type TlsFiles } from "../../../serve/access/tls_files.ts";
import type { Client } from "../../../serve/clients/clients.ts";
import type { Context } from "../../context.ts";
import { writeOut } from "../../terminal/console.ts";

/** The values of the options that `serveOptions` declares. */
export interface AccessOptions {
  readonly token?: string;
  readonly htpasswd?: string;
  readonly open?: boolean;
  readonly allow?: readonly string[];
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly printConfig?: Client;
}

/** Who may use the server, and its certificate. */
export interface OpenedAccess {
  readonly access: Access;
  readonly tls: TlsFiles | undefined;
}

/**
 * Follows the options, and for what they leave out, the config. An option that says who may use the server replaces both
 * settings that do.
 *
 * @throws LarderError LDR_USAGE, LDR_CONFIG, LDR_DISK*
 */
export function openAccess(
  context: Context,
  options: AccessOptions,
  address: { readonly hostname: string },
): OpenedAccess {
  const settings = settingsOf(context, options);
  const access = new Access({
    ...settings,
    hostname: address.hostname,
    defaultUpstream: context.config.serve?.default_upstream,
    clock: systemClock,
    warn: (message) => context.warn(message),
  });
  const tls = openTlsFiles(settings.tlsCert, settings.tlsKey, {
    now: Date.now,
    warn: (message) => context.warn(message),
  });
  return { access, tls };
}

/** Prints what a client needs, the text for its file on stdout and what to do with it on stderr. */
export async function printClientConfig(
  context: Context,
  client: Client,
  options: AccessOptions,
  address: { readonly hostname: string; readonly port: number },
  defaultUpstream: string,
): Promise<void> {
  const { clientConfig } = await import("../../../serve/clients/client_config.ts");
  const { tlsCert, tokenFile, htpasswdFile, allow } = settingsOf(context, options);
  const { text, notes } = clientConfig(client, {
    ...address,
    tls: tlsCert !== undefined,
    hasCredentials: tokenFile !== undefined || htpasswdFile !== undefined,
    allow,
    defaultUpstream,
  });
  for (const note of notes) context.info(note);
  writeOut(text);
}

function settingsOf({ config }: Context, options: AccessOptions) {
  const { serve } = config;
  const { token, htpasswd, open = false } = options;
  const saysWho = open || token !== undefined || htpasswd !== undefined;
  return {
    tokenFile: saysWho ? token : serve?.token_file,
    htpasswdFile: saysWho ? htpasswd : serve?.htpasswd_file,
    open,
    allow: options.allow ?? serve?.allow ?? [],
    tlsCert: options.tlsCert ?? serve?.tls_cert,
    tlsKey: options.tlsKey ?? serve?.tls_key,
  };
}
