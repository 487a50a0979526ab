/** Links that open once, as HTTP has them: a path of their own beside EST's. */
import type { ProfileFile } from "../policy/profiles/facts.ts";
import type { SocketAddress } from "../host/host.ts";
import type { HttpRequest, HttpResponse } from "../proto/http/server.ts";
import { notThere, wrongMethod } from "./est-http.ts";

const PREFIX = "/link/";

/**
 * Where a link is opened: at an address that devices reach, as far as there is one.
 * @param addresses - where the server listens, one at least
 * @param serverName - what stands for all addresses of this router
 */
export function linkUrl(
  addresses: readonly SocketAddress[],
  serverName: string,
  token: string,
): string {
  const { address, port } = addresses.find(isReachable) ?? addresses[0]!;
  const isAny = address === "0.0.0.0" || address === "::";
  const host = isAny ? serverName : address.includes(":") ? `[${address}]` : address;
  return `https://${host}:${port}${PREFIX}${token}`;
}

/** Whether another machine may reach it with nothing but the address. */
export function isReachable({ address }: SocketAddress): boolean {
  return !/^(?:127\.|::1$|fe[89ab][0-9a-f]:)/iu.test(address);
}

/**
 * The response to what asks for a link, or null for a request that is none.
 * @param take - what a token opens, once
 */
export function answerLink(
  { method, path }: Pick<HttpRequest, "method" | "path">,
  take: (token: string) => ProfileFile | null,
): HttpResponse | null {
  if (!path.startsWith(PREFIX)) return null;
  // HEAD neither: it would have to leave the link as it is, and so tell which there are.
  if (method !== "GET") return wrongMethod("GET");
  const file = take(path.slice(PREFIX.length));
  return file === null ? notThere() : sent(file);
}

function sent({ name, type, bytes }: ProfileFile): HttpResponse {
  return {
    status: 200,
    fields: [
      ["Content-Type", type],
      ["Content-Disposition", `${disposition(type)}; filename="${name}"`],
      ["Cache-Control", "no-store"],
      ["X-Content-Type-Options", "nosniff"],
    ],
    body: bytes,
  };
}

/** Apple's systems install what they may show, and put aside what they are told to save. */
function disposition(type: string): "inline" | "attachment" {
  return type === "application/x-apple-aspen-config" ? "inline" : "attachment";
}
