/** TLS of clients and servers, under the Collector's keys; only those that work are listed. */
import { readFileSync } from 'node:fs';
import { rootCertificates, type SecureContextOptions, type SecureVersion } from 'node:tls';
import { z } from 'zod';
import { wrong } from './kind.ts';
import { type Secret, secret } from './secret.ts';
import { duration } from './units.ts';

const VERSIONS = ['1.0', '1.1', '1.2', '1.3'] as const;
const version = () => z.enum(VERSIONS);

const material = {
  /** Certificates that are trusted, as PEM. */
  ca_file: z.string().optional(),
  ca_pem: z.string().optional(),
  /** Add the certificates that Node brings to `ca_*`. */
  include_system_ca_certs_pool: z.boolean().default(false),
  cert_file: z.string().optional(),
  cert_pem: z.string().optional(),
  key_file: z.string().optional(),
  key_pem: secret().optional(),
  min_version: version().default('1.2'),
  max_version: version().optional(),
  // The Collector's default is never.
  reload_interval: duration('1s').describe('How often the files are looked at, to be read again when they changed; 0s = never.'),
};

interface Material {
  readonly ca_file?: string | undefined;
  readonly ca_pem?: string | undefined;
  readonly include_system_ca_certs_pool: boolean;
  readonly cert_file?: string | undefined;
  readonly cert_pem?: string | undefined;
  readonly key_file?: string | undefined;
  readonly key_pem?: Secret | undefined;
  readonly min_version: (typeof VERSIONS)[number];
  readonly max_version?: (typeof VERSIONS)[number] | undefined;
  readonly reload_interval: number;
}

function checkMaterial(tls: Material, ctx: z.core.$RefinementCtx): void {
  for (const [file, pem] of [
    ['ca_file', 'ca_pem'],
    ['cert_file', 'cert_pem'],
    ['key_file', 'key_pem'],
  ] as const) {
    if (tls[file] !== undefined && tls[pem] !== undefined) {
      wrong(ctx, `both ${file} and ${pem} are set. Keep one.`, '', [pem]);
    }
  }
  const cert = tls.cert_file ?? tls.cert_pem;
  const key = tls.key_file ?? tls.key_pem;
  if (cert !== undefined && key === undefined) wrong(ctx, 'a certificate without its key. Add key_file or key_pem.', '');
  if (cert === undefined && key !== undefined) wrong(ctx, 'a key without its certificate. Add cert_file or cert_pem.', '');
  if (tls.max_version !== undefined && tls.max_version < tls.min_version) {
    wrong(ctx, `below min_version ${tls.min_version}`, 'Raise it or lower min_version.', ['max_version']);
  }
}

/**
 * TLS towards a server. `insecure: true` = plain text where the endpoint's scheme does not say otherwise;
 * `insecure_skip_verify` = encrypted, any certificate taken. Default: verified TLS with Node's own roots.
 */
export function clientTls() {
  return z
    .strictObject({
      insecure: z.boolean().default(false),
      insecure_skip_verify: z.boolean().default(false),
      server_name_override: z.string().optional(),
      ...material,
    })
    .superRefine(checkMaterial)
    .prefault({});
}

/** TLS of a listener, which needs a certificate; `client_ca_file` demands and checks one of the client (mTLS). */
export function serverTls() {
  const clients = {
    client_ca_file: z.string().optional(),
    client_ca_file_reload: z.boolean().default(true).describe('Whether client_ca_file too is read again when it changed.'),
  };
  return z.strictObject({ ...material, ...clients }).superRefine((tls, ctx) => {
    checkMaterial(tls, ctx);
    if (tls.cert_file === undefined && tls.cert_pem === undefined) {
      wrong(ctx, 'a listener needs a certificate. Add cert_file and key_file.', '');
    }
  });
}

export type ClientTls = z.output<ReturnType<typeof clientTls>>;
export type ServerTls = z.output<ReturnType<typeof serverTls>>;

/** What is read again when it changes. */
export function tlsFiles(tls: ClientTls | ServerTls): readonly string[] {
  const clients = 'client_ca_file_reload' in tls && tls.client_ca_file_reload ? tls.client_ca_file : undefined;
  return [tls.ca_file, tls.cert_file, tls.key_file, clients].filter((file) => file !== undefined);
}

function pem(key: string, file: string | undefined, text: string | undefined): string | undefined {
  if (file === undefined) return text;
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new Error(`tls.${key}: cannot read ${file}. Check the path and its permissions.`, { cause });
  }
}

function context(tls: Material): SecureContextOptions {
  const ca = pem('ca_file', tls.ca_file, tls.ca_pem);
  const cert = pem('cert_file', tls.cert_file, tls.cert_pem);
  const key = pem('key_file', tls.key_file, tls.key_pem?.reveal());
  return {
    minVersion: `TLSv${tls.min_version}` as SecureVersion,
    ...(tls.max_version === undefined ? {} : { maxVersion: `TLSv${tls.max_version}` as SecureVersion }),
    ...(ca === undefined ? {} : { ca: tls.include_system_ca_certs_pool ? [...rootCertificates, ca] : [ca] }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  };
}

/** Reads the files; throws with the key and path when one cannot be read. For `tls.connect`, `https`, `http2`. */
export function clientTlsOptions(tls: ClientTls): SecureContextOptions & { rejectUnauthorized: boolean; servername?: string } {
  return {
    ...context(tls),
    rejectUnauthorized: !tls.insecure_skip_verify,
    ...(tls.server_name_override === undefined ? {} : { servername: tls.server_name_override }),
  };
}

/** Reads the files; throws with the key and path when one cannot be read. For `https.createServer`, `http2`. */
export function serverTlsOptions(tls: ServerTls): SecureContextOptions & { requestCert: boolean; rejectUnauthorized: boolean } {
  const { ca, ...rest } = context(tls);
  const clients = pem('client_ca_file', tls.client_ca_file, undefined);
  const mutual = clients !== undefined;
  const trusted = mutual ? [clients] : ca;
  return { ...rest, ...(trusted === undefined ? {} : { ca: trusted }), requestCert: mutual, rejectUnauthorized: mutual };
}
