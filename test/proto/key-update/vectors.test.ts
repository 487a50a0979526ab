/** docs/vectors/key-update.json through both machines, by every provider. */
import { assert, providers, test } from "#kit";
import { hex, toHex } from "../../../src/base/bytes.ts";
import { bodyOf, deviceOf, homeOf, run, scripted, START, updateOf, vectors } from "./pair.ts";

for (const crypto of providers) {
  for (const { name, inputs, points, messages, derived, newKey } of vectors.cases) {
    const share = "r" in inputs ? inputs.r : null;
    const association = {
      deviceId: hex(inputs.deviceId),
      deviceKey: hex(points.D),
      homeKeyHash: hex(inputs.homeKeyHash),
      exporter: hex(inputs.exporter),
    };
    const draws = [inputs.e_d, inputs.N_d, ...(share === null ? [] : [share])].map(hex);

    test(`${crypto.name}: the vector ${name}`, () => {
      const device = deviceOf(crypto, {
        association,
        scalar: hex(inputs.d),
        withShare: share !== null,
        random: scripted(...draws),
      });
      const home = homeOf(crypto, { random: scripted(hex(inputs.e_h), hex(inputs.N_h)) });
      const { messages: sent, update, key } = run(device, home);
      for (const [message, body] of Object.entries(sent)) {
        assert.equal(toHex(body), messages[message as keyof typeof messages], message);
      }
      assert.equal(toHex(key.scalar), newKey.d2);
      assert.equal(toHex(key.publicKey), newKey.D2);
      assert.equal(toHex(update.publicKey), newKey.D2);
      assert.equal(update.withShare, share !== null);
      for (const side of [key, update]) {
        assert.equal(toHex(side.discoveryKey), derived.discoveryKey);
        assert.equal(toHex(side.pskKey), derived.pskKey);
        assert.equal(side.authenticationString, derived.authenticationString);
      }
    });

    test(`${crypto.name}: a HomeCA of others would do for the device, and the other way round, ${name}`, () => {
      const device = deviceOf(crypto, {
        association,
        scalar: hex(inputs.d),
        withShare: share !== null,
        random: scripted(...draws),
      });
      device.handle({ kind: "start" }, START);
      device.handle({ kind: "answer", body: hex(messages.share) }, START);
      const done = device.handle({ kind: "answer", body: hex(messages.confirmation) }, START);
      assert.equal(done[0]?.kind, "updated");

      const home = homeOf(crypto, { random: scripted(hex(inputs.e_h), hex(inputs.N_h)) });
      home.commit(hex(messages.commitment), START, association);
      const answered = home.reveal(hex(messages.reveal), START, association);
      assert.equal(toHex(bodyOf(answered)), messages.confirmation);
      assert.equal(toHex(updateOf(answered).publicKey), newKey.D2);
    });
  }
}
