/** A device asks another one of its home, with its own certificate. */
import type { CoapRequest } from "../proto/coap/request.ts";
import type { CoapResponse } from "../proto/coap/response.ts";
import type { Host, SocketAddress } from "../host/host.ts";
import { memberCredential } from "./credentials.ts";
import { fellowOf, presentTime } from "./fellow.ts";
import type { Listed } from "./fellow.ts";
import { HomeSession } from "./session.ts";
import type { MemberKey } from "./state.ts";

export interface Asking {
  readonly key: MemberKey;
  readonly listed: Listed;
  readonly to: SocketAddress;
  /** The id of the device that has to answer; null for any device of the home. */
  readonly device: string | null;
}

/**
 * A session with another device, for as many requests as there are. Rejects
 * with SessionFailure: `home-refused` for one that is no device of this home,
 * another one than was meant, or on the home's list.
 */
export function openFellow(host: Host, { key, listed, to, device }: Asking): Promise<HomeSession> {
  const { crypto } = host;
  const { owner, scalar } = key;
  return HomeSession.open(host, {
    home: to,
    credential: memberCredential(crypto, scalar, owner),
    judge: (chain) => {
      const now = presentTime(host, owner);
      const fellow = fellowOf(crypto, chain, owner, "serverAuth", now);
      const isMeant = fellow !== null && (device === null || fellow.deviceId === device);
      // What may not even read here is not spoken to either.
      return isMeant && listed.serves(fellow.serial, "GET", now) ? fellow.publicKey : null;
    },
  });
}

/** One request and its whole answer, whatever its code. Rejects with SessionFailure. */
export async function askFellow(
  host: Host,
  asking: Asking,
  request: CoapRequest,
): Promise<CoapResponse> {
  const session = await openFellow(host, asking);
  try {
    return await session.request(request);
  } finally {
    session.close();
  }
}
