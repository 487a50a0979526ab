/** The symbolic code of a Node system error (`ENOENT`), or the message where it carries none. */
export function errnoOf(failure: unknown): string {
  if (!(failure instanceof Error)) return String(failure);
  return "code" in failure && typeof failure.code === "string" ? failure.code : failure.message;
}
