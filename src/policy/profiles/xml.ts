/** XML 1.0 as profiles need it: elements, text and attributes. Text is escaped here and nowhere else. */

export interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: readonly (Element | string)[];
}

export function element(
  name: string,
  children: readonly (Element | string)[] | string,
  attributes: Readonly<Record<string, string>> = {},
): Element {
  return { name, attributes, children: typeof children === "string" ? [children] : children };
}

/** A document with its declaration and, where given, a line between it and the root element. */
export function document(root: Element, doctype: string | null = null): string {
  const head = ['<?xml version="1.0" encoding="UTF-8"?>', ...(doctype === null ? [] : [doctype])];
  return `${head.join("\n")}\n${rendered(root, "")}\n`;
}

/** Elements on lines of their own; text stays on the line of its element, so that no white space is added to it. */
function rendered({ name, attributes, children }: Element, indent: string): string {
  const written = Object.entries(attributes).map(([key, value]) => ` ${key}="${escaped(value)}"`);
  const open = `${indent}<${name}${written.join("")}`;
  if (children.length === 0) return `${open}/>`;
  const [only] = children;
  if (children.length === 1 && typeof only === "string")
    return `${open}>${escaped(only)}</${name}>`;
  const lines = children.map((child) =>
    typeof child === "string" ? escaped(child) : rendered(child, `${indent}\t`),
  );
  return [`${open}>`, ...lines, `${indent}</${name}>`].join("\n");
}

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
};

/** All that could end text or an attribute's value; what XML 1.0 §2.2 has no way to write becomes U+FFFD. */
function escaped(text: string): string {
  return text
    .replaceAll(/[&<>"']/gu, (character) => ENTITIES[character]!)
    .replaceAll(/[\p{Cc}\p{Cs}\uFFFE\uFFFF]/gu, "\uFFFD");
}
