/**
 * Secrets of tenants that have to be sent again (a key of another API), kept encrypted: AES-256-GCM, bound to tenant and place, so that a
 * sealed text that is moved elsewhere cannot be opened. The key is of the configuration, or derived from the database's secret: then it
 * protects a row that leaks, not a database that leaks.
 */
import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

const IV = 12;
const TAG = 16;

export class Vault {
  private readonly key: Buffer;

  private constructor(key: Buffer) {
    this.key = key;
  }

  /** 32 random bytes. */
  static of(key: Buffer): Vault {
    return new Vault(key);
  }

  /** A text with at least 32 characters of chance. */
  static ofText(text: string): Vault {
    return new Vault(Buffer.from(hkdfSync('sha256', text, '', 'misstep vault', 32)));
  }

  /** `place`: who it is of and where it is kept; the same is needed to open it. */
  seal(text: string, place: string): string {
    const iv = randomBytes(IV);
    const cipher = createCipheriv('aes-256-gcm', this.key, iv).setAAD(Buffer.from(place));
    const body = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
    return Buffer.concat([iv, cipher.getAuthTag(), body]).toString('base64');
  }

  /** `undefined` if it was sealed with another key or for another place, or was changed. */
  open(sealed: string, place: string): string | undefined {
    const bytes = Buffer.from(sealed, 'base64');
    if (bytes.length < IV + TAG) return undefined;
    try {
      const cipher = createDecipheriv('aes-256-gcm', this.key, bytes.subarray(0, IV), { authTagLength: TAG })
        .setAAD(Buffer.from(place))
        .setAuthTag(bytes.subarray(IV, IV + TAG));
      return Buffer.concat([cipher.update(bytes.subarray(IV + TAG)), cipher.final()]).toString('utf8');
    } catch {
      return undefined;
    }
  }
}
