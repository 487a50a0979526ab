/** The sockets RADIUS is asked at: opened, opened again where that failed, and answered from. */
import type { Log } from "./log.ts";
import type { Configuration } from "./config/configuration.ts";
import type { Host, UdpSocket } from "../host/host.ts";
import { HostFailure } from "../host/host.ts";
import type { RadiusInput } from "../proto/radius/endpoint.ts";
import type { RadiusPeer, RadiusService } from "../proto/radius/request.ts";
import { takenPortFix } from "./ubus/installed.ts";

/** An address and port of the configuration, and what is asked there. */
interface Endpoint {
  readonly service: RadiusService;
  readonly address: string;
  readonly port: number;
}

interface Listener {
  readonly service: RadiusService;
  /** As it is configured. */
  readonly address: string;
  readonly socket: UdpSocket;
}

export class Listeners {
  readonly #host: Pick<Host, "udp" | "files">;
  readonly #log: Log;
  readonly #take: (datagram: RadiusInput & { readonly kind: "datagram" }) => void;
  readonly #open: Listener[] = [];
  /** Where listening failed: the port may become free, the interface may come up. */
  #unopened: Endpoint[] = [];
  /** Why, one sentence for each of them. */
  #troubles: string[] = [];

  /** @param take - called with each datagram that comes in */
  constructor(
    host: Pick<Host, "udp" | "files">,
    log: Log,
    take: (datagram: RadiusInput & { readonly kind: "datagram" }) => void,
  ) {
    this.#host = host;
    this.#log = log;
    this.#take = take;
  }

  /** Where it listens, for people. */
  get names(): readonly string[] {
    return this.#open.map(
      ({ service, socket }) => `${service} ${socket.local.address} port ${socket.local.port}`,
    );
  }

  /** Where it should listen and cannot: one sentence each, with the fix. */
  get troubles(): readonly string[] {
    return this.#troubles;
  }

  /** Opens what the configuration names; what cannot be opened is an error in the log, and waits for {@link Listeners.retry}. */
  open({ listen, authPort, acctPort }: Configuration["radius"]): void {
    this.#unopened = listen.flatMap((address): Endpoint[] => [
      { service: "auth", address, port: authPort },
      { service: "acct", address, port: acctPort },
    ]);
    this.#openAll();
  }

  /** Tries again what could not be opened. */
  retry(): void {
    const before = this.#open.length;
    this.#openAll();
    for (const { service, socket } of this.#open.slice(before)) {
      const { address, port } = socket.local;
      this.#log.notice(`HomeCA listens at ${address} port ${port} (${service}) now.`);
    }
  }

  /** From the socket that was asked: an access point takes answers from nowhere else. */
  send(service: RadiusService, to: RadiusPeer, bytes: Uint8Array): void {
    const asked = this.#open.find((one) => one.service === service && one.address === to.via);
    asked?.socket.send(bytes, to);
  }

  close(): void {
    for (const { socket } of this.#open) socket.close();
  }

  #openAll(): void {
    this.#troubles = [];
    this.#unopened = this.#unopened.filter((endpoint) => !this.#openOne(endpoint));
  }

  #openOne({ service, address, port }: Endpoint): boolean {
    try {
      const socket = this.#host.udp({ address, port }, (bytes, from) => {
        this.#take({ kind: "datagram", service, from: { ...from, via: address }, bytes });
      });
      this.#open.push({ service, address, socket });
      return true;
    } catch (failure) {
      if (!(failure instanceof HostFailure)) throw failure;
      const fix =
        failure.errno === "EADDRINUSE"
          ? takenPortFix(this.#host.files)
          : "take the address out of `list listen` or bring the interface up";
      const trouble = `Nobody can ask at ${address} port ${port} (${failure.errno}): ${fix}.`;
      this.#troubles.push(trouble);
      this.#log.limited("listen", "error", trouble);
      return false;
    }
  }
}
