/** The revocation list on disk: signed anew when something was revoked, and in time before it ends. */
import { utf8 } from "../base/bytes.ts";
import type { Unix } from "../base/machine.ts";
import type { IssuedCrl } from "../policy/ca/authority.ts";
import { encodePem } from "../proto/x509/pem.ts";
import type { House } from "./house.ts";

const FILE_MODE = 0o644;

/** A list is signed again when this much of its week is left. */
const RENEW_SECONDS = 3 * 86_400;

export class PublishedList {
  readonly #house: House;
  #current: IssuedCrl | null = null;
  /** Whether the last attempt to sign failed, so that something revoked may be missing from the list. */
  #isOverdue = false;

  constructor(house: House) {
    this.#house = house;
  }

  /** The list in force. @throws AuthorityFailure while the time is not known and none was signed yet */
  get current(): IssuedCrl {
    return this.#current ?? this.sign();
  }

  /**
   * Signs what is revoked now. Its number is stored before the list is seen, so
   * that no number is ever used twice.
   * @throws AuthorityFailure, HostFailure
   */
  sign(): IssuedCrl {
    this.#isOverdue = true;
    const { clock, registry, keys, host, configuration } = this.#house;
    const now = clock.now();
    const revoked = [...registry.revoked.values()].map(({ serial, reason, at, notAfter }) => ({
      serial,
      reason,
      revokedAt: at,
      // Without a note of its end it stays on the list as long as a certificate may live at all.
      notAfter: notAfter ?? keys.issuing.certificate.notAfter,
    }));
    const list = keys.issuing.issueCrl(revoked, registry.crlNumber, {
      clock: now ?? "unknown",
      floor: clock.floor,
    });
    this.#house.change([{ kind: "crl-number", number: list.number }]);
    host.files.replaceDurably(
      `${configuration.homeca.stateDir}/crl.pem`,
      utf8(encodePem("X509 CRL", list.der)),
      FILE_MODE,
    );
    this.#current = list;
    this.#isOverdue = false;
    // Who looked at the change above saw the list before this one.
    this.#house.look();
    return list;
  }

  /** Signs where there is no list yet, the last attempt failed or the list ends soon; waits where the time is not known. */
  renew(now: Unix | null): void {
    if (now === null) return;
    const isDue =
      this.#isOverdue || this.#current === null || this.#current.nextUpdate - now < RENEW_SECONDS;
    if (isDue) this.sign();
  }
}
