/** Certificates and keys that are renewed while the process runs. */
import { type ClientTls, type ServerTls, tlsFiles } from '../../../config/tls.ts';
import type { Host } from '../component.ts';
import { WatchedFiles } from '../watched.ts';

/**
 * Calls `apply` when a file of `tls` has changed. While it throws (a key that is not yet the certificate's) what was in use
 * stays in use, and it is tried again at the next look. Returns what ends it.
 */
export function followTls(tls: ClientTls | ServerTls, host: Host, apply: () => void): () => void {
  const files = tlsFiles(tls);
  if (files.length === 0 || tls.reload_interval === 0) return () => {};
  let failing = false;
  const again = () => {
    try {
      apply();
    } catch (error) {
      if (!failing) host.logger.log('error', 'Certificates cannot be read again; those in use stay.', { files, error });
      failing = true;
      throw error;
    }
    failing = false;
    host.logger.log('info', 'Certificates were read again.', { files });
  };
  const watched = new WatchedFiles(files, again, tls.reload_interval);
  return () => watched.close();
}
