/** AWS Signature Version 4 for S3: the `authorization` header of one request whose body is known. */
import { createHash, createHmac } from 'node:crypto';

export interface AwsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly region: string;
  /** Of temporary credentials. */
  readonly sessionToken?: string;
}

export interface AwsRequest {
  readonly method: string;
  /** Its path encoded by `encodeKey`, without a query. */
  readonly url: URL;
  /** Names in lower case; `host` comes from the URL. All of them are signed. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

const ALGORITHM = 'AWS4-HMAC-SHA256';
const SERVICE = 's3';
const DATE_LENGTH = 'YYYYMMDD'.length;

/** A key as it stands in a URL: every byte but letters, digits and `-._~/` is percent-encoded. */
export function encodeKey(key: string): string {
  return encodeURIComponent(key)
    .replaceAll('%2F', '/')
    .replaceAll(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The headers to send: those of the request and the signature over them. `at` is the present. */
export function signedHeaders(
  request: AwsRequest,
  credentials: AwsCredentials,
  at: Date,
): Record<string, string> {
  const instant = at.toISOString().replaceAll(/[-:]|\.\d{3}/g, '');
  const headers = {
    ...request.headers,
    'x-amz-content-sha256': sha256Hex(request.body),
    'x-amz-date': instant,
    ...(credentials.sessionToken !== undefined && {
      'x-amz-security-token': credentials.sessionToken,
    }),
  };
  const signed = Object.entries({ ...headers, host: request.url.host }).sort(([a], [b]) =>
    a < b ? -1 : 1,
  );
  const names = signed.map(([name]) => name).join(';');
  const canonical = [
    request.method,
    request.url.pathname,
    '',
    ...signed.map(([name, value]) => `${name}:${value.trim()}`),
    '',
    names,
    headers['x-amz-content-sha256'],
  ].join('\n');
  const date = instant.slice(0, DATE_LENGTH);
  const scope = [date, credentials.region, SERVICE, 'aws4_request'];
  const toSign = [ALGORITHM, instant, scope.join('/'), sha256Hex(Buffer.from(canonical))];
  // The key of a day, a region and a service: HMAC by HMAC from the secret.
  const key = scope.reduce(hmac, Buffer.from(`AWS4${credentials.secretAccessKey}`));
  const signature = hmac(key, toSign.join('\n')).toString('hex');
  const credential = `${credentials.accessKeyId}/${scope.join('/')}`;
  const authorization = `${ALGORITHM} Credential=${credential}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

function sha256Hex(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
