/** Domain names: labels of octets, the same whatever the case of their ASCII letters. */
import { fromUtf8, utf8 } from "../../base/bytes.ts";

/** Octets of a label, and of a name with its length octets and its end (RFC 1035 §2.3.4). */
export const MAX_LABEL_LENGTH = 63;
export const MAX_NAME_LENGTH = 255;

/** One octet, one character: what a label is on the wire. Text with umlauts is UTF-8 in it. */
type Octets = string;

export class DomainName {
  /** From the leftmost on, the root left out. One character stands for one octet. */
  readonly labels: readonly Octets[];
  /** The same text for names that are the same (RFC 6762 §16: ASCII case does not count, nothing else folds). */
  readonly key: string;

  /**
   * @param tail - What stands behind the labels, taken as it is: a name that ends like another one costs its own
   *   labels alone.
   * @throws RangeError for a label of no or of more than 63 octets and a name of more than 255.
   */
  constructor(labels: readonly Octets[], tail: DomainName | null = null) {
    let key = "";
    for (const label of labels) {
      if (label.length === 0 || label.length > MAX_LABEL_LENGTH) {
        throw new RangeError(`a label of ${label.length} octets`);
      }
      // The length in front keeps a dot inside a label from looking like two labels.
      key += String.fromCharCode(label.length) + folded(label);
    }
    if (tail !== null) key += tail.key;
    if (key.length + 1 > MAX_NAME_LENGTH)
      throw new RangeError(`a name of ${key.length + 1} octets`);
    this.labels = tail === null ? labels : labels.concat(tail.labels);
    this.key = key;
  }

  /** From labels as text, each in UTF-8 on the wire: `of("Küche", "_homeca._udp.local")` has four; only the last is split at dots. */
  static of(...parts: readonly string[]): DomainName {
    const last = (parts.at(-1) ?? "").split(".").filter((label) => label !== "");
    return new DomainName([...parts.slice(0, -1), ...last].map(octetsOf));
  }

  is(other: DomainName): boolean {
    return this.key === other.key;
  }

  /** Whether this name is `label` in front of `parent`, for any label. */
  isChildOf(parent: DomainName): boolean {
    return (
      this.labels.length === parent.labels.length + 1 &&
      this.key.slice(1 + this.labels[0]!.length) === parent.key
    );
  }

  /** The leftmost label in lower case, the octets as characters; empty for the root. */
  get first(): Octets {
    return folded(this.labels[0] ?? "");
  }

  /** The leftmost label as it came, or null where it is not UTF-8: from outside, and to be shown through `visible` only. */
  get firstText(): string | null {
    const label = this.labels[0] ?? "";
    return fromUtf8(Uint8Array.from(label, (octet) => octet.charCodeAt(0)));
  }
}

function octetsOf(text: string): Octets {
  return String.fromCharCode(...utf8(text));
}

/** ASCII alone: `toLowerCase` on the whole would fold halves of UTF-8 characters too. */
function folded(label: Octets): Octets {
  return label.replaceAll(/[A-Z]+/g, (letters) => letters.toLowerCase());
}
