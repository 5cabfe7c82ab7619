/**
 * Whose spans they are that come by the API. The API knows the sender by a key and says so to the receiver in a header with a secret of
 * this process; the receiver names the extension as its authenticator and believes nobody else.
 */
import { randomBytes } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import { equal, type Sender, type ServerAuth } from '../../src/component/auth.ts';
import { credentialOf } from './auth.ts';

export const SENDER_HEADER = 'x-misstep-sender';

export class Senders implements ServerAuth {
  readonly challenge = 'Bearer realm="misstep"';
  readonly header = SENDER_HEADER;
  private readonly secret = randomBytes(32).toString('base64url');
  private readonly anonymous: string | undefined;

  /** `anonymous`: whose those are that come to the receiver itself and say nothing; absent: refused. */
  constructor(anonymous: string | undefined) {
    this.anonymous = anonymous;
  }

  /** The value of the header. */
  say(tenant: string): string {
    return `${this.secret} ${tenant}`;
  }

  authenticate(headers: IncomingHttpHeaders): Sender | undefined {
    const said = headers[SENDER_HEADER];
    if (typeof said === 'string') {
      const [secret = '', tenant = ''] = said.split(' ');
      return equal(Buffer.from(secret), Buffer.from(this.secret)) && tenant !== '' ? { tenant } : undefined;
    }
    // A key is for the API to know: what is sent with one must not become anybody's.
    if (this.anonymous === undefined || credentialOf(headers) !== undefined) return undefined;
    return { tenant: this.anonymous };
  }
}
