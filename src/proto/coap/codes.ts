/** Method and response codes, and the Content-Formats in use here. */

/** Codes by the names of the IANA registries, each `class * 32 + detail`. */
export const Code = {
  EMPTY: 0x00,
  GET: 0x01,
  POST: 0x02,
  PUT: 0x03,
  DELETE: 0x04,
  CREATED: 0x41,
  DELETED: 0x42,
  VALID: 0x43,
  CHANGED: 0x44,
  CONTENT: 0x45,
  CONTINUE: 0x5f,
  BAD_REQUEST: 0x80,
  UNAUTHORIZED: 0x81,
  BAD_OPTION: 0x82,
  FORBIDDEN: 0x83,
  NOT_FOUND: 0x84,
  METHOD_NOT_ALLOWED: 0x85,
  NOT_ACCEPTABLE: 0x86,
  /** RFC 7959 §2.9.2. */
  REQUEST_ENTITY_INCOMPLETE: 0x88,
  /** RFC 8132 §4. */
  CONFLICT: 0x89,
  PRECONDITION_FAILED: 0x8c,
  REQUEST_ENTITY_TOO_LARGE: 0x8d,
  UNSUPPORTED_CONTENT_FORMAT: 0x8f,
  /** RFC 8132 §4. */
  UNPROCESSABLE_ENTITY: 0x96,
  /** RFC 8516 §3. */
  TOO_MANY_REQUESTS: 0x9d,
  INTERNAL_SERVER_ERROR: 0xa0,
  NOT_IMPLEMENTED: 0xa1,
  BAD_GATEWAY: 0xa2,
  SERVICE_UNAVAILABLE: 0xa3,
  GATEWAY_TIMEOUT: 0xa4,
  PROXYING_NOT_SUPPORTED: 0xa5,
} as const;

/** The methods that are served; FETCH, PATCH and iPATCH (RFC 8132) get 4.05. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

const METHODS: readonly (readonly [Method, number])[] = [
  ["GET", Code.GET],
  ["POST", Code.POST],
  ["PUT", Code.PUT],
  ["DELETE", Code.DELETE],
];

/** The method of a code, or null for one that is not served. */
export function methodOf(code: number): Method | null {
  return METHODS.find(([, number]) => number === code)?.[0] ?? null;
}

export function codeOfMethod(method: Method): number {
  return Code[method];
}

/** 0 for requests and Empty, 2, 4 and 5 for responses; the rest is reserved (RFC 7252 §3). */
export function classOf(code: number): number {
  return code >> 5;
}

export function isRequest(code: number): boolean {
  return classOf(code) === 0 && code !== Code.EMPTY;
}

/** Classes 2 to 5 (RFC 7252 §12.1); a code we do not know counts as its class says (§5.9). */
export function isResponse(code: number): boolean {
  return classOf(code) >= 2 && classOf(code) <= 5;
}

export function isSuccess(code: number): boolean {
  return classOf(code) === 2;
}

/** As the standards write it: `2.05`. */
export function codeText(code: number): string {
  return `${classOf(code)}.${(code & 31).toString().padStart(2, "0")}`;
}

/** Numbers of the CoAP Content-Formats registry. */
export const ContentFormat = {
  TEXT: 0,
  COSE_SIGN1: 18,
  LINK_FORMAT: 40,
  OCTET_STREAM: 42,
  CBOR: 60,
  MULTIPART_CORE: 62,
  COSE_SIGN: 98,
  /** RFC 9290 §6.5. */
  CONCISE_PROBLEM_DETAILS: 257,
  /** RFC 9148 §8.1: PKCS #7 with the server's key in it, PKCS #7 of certificates, PKCS #8. */
  PKCS7_SERVER_GENERATED_KEY: 280,
  PKCS7_CERTS_ONLY: 281,
  PKCS8: 284,
  CSR_ATTRIBUTES: 285,
  PKCS10: 286,
  PKIX_CERT: 287,
  /** RFC 9237 §6.3. */
  AIF_CBOR: 290,
} as const;
