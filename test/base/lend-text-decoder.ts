/** asn1js asks for a TextDecoder when it is loaded, which QuickJS lacks: lent to the oracle, in tests alone. */
class LentTextDecoder {
  decode(bytes: Uint8Array | ArrayBuffer): string {
    return String.fromCharCode(...(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes)));
  }
}
if (!("TextDecoder" in globalThis)) Object.assign(globalThis, { TextDecoder: LentTextDecoder });

/** Importing this name is what runs the lines above before asn1js is loaded. */
export const hasTextDecoder: boolean = "TextDecoder" in globalThis;
