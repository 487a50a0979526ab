/**
 * Messages of the bus, as hexadecimal. The first part was seen between OpenWrt's
 * own `ubusd` and `ubus` (git of November 2026); the second was laid out by hand
 * after ubusmsg.h, blob.h and blobmsg.h.
 */

/** What `ubus send` and `ubus listen` were given as JSON. */
export const FIELDS: Readonly<Record<string, unknown>> = {
  small: -2,
  big: 5_000_000_000,
  half: 1.5,
  yes: true,
  none: null,
  text: "grün",
  list: [1, "x"],
  table: { k: false },
};

/** FIELDS as the tools of the bus write them. */
export const DATA = `
  85 000010 0005 736d616c6c 00 fffffffe
  84 000014 0003 626967 00 0000 000000012a05f200
  88 000014 0004 68616c66 00 00 3ff8000000000000
  87 00000d 0003 796573 00 0000 01 000000
  80 00000c 0004 6e6f6e65 00 00
  83 000012 0004 74657874 00 00 6772c3bc6e00 0000
  81 000024 0004 6c697374 00 00
    85 00000c 0000 00 00 00000001
    83 00000a 0000 00 00 7800 0000
  82 000018 0005 7461626c65 00
    87 000009 0001 6b 00 00 000000`;

/** What a client hears first. */
export const HELLO = "00 00 0000 130500dc 00000004";

/** `ubus send homeca.test`: INVOKE of `send` at object 1, and the answer. */
export const SEND: string = `00 05 0001 00000001 000000e4
  03 000008 00000001
  04 000009 73656e6400 000000
  07 0000cc
    83 000018 0002 6964 00 000000 686f6d6563612e7465737400
    82 0000b0 0004 64617461 00 00 ${DATA}`;
export const SENT = "00 01 0001 00000001 0000000c 01 000008 00000000";

/** `ubus listen homeca.*`: an object without a name, then `register` at object 1. */
export const ADD_ANONYMOUS = "00 06 0001 00000000 00000004";
export const ADDED = `00 02 0001 00000000 0000000c 03 000008 a3827de9
  00 01 0001 00000000 0000000c 01 000008 00000000`;
export const LISTEN = `00 05 0002 00000001 00000050
  03 000008 00000001
  04 00000d 726567697374657200 000000
  07 000034
    85 000014 0006 6f626a656374 00 000000 a3827de9
    83 000019 0007 7061747465726e 00 0000 686f6d6563612e2a00 000000`;
export const EVENT: string = `00 05 0001 00000000 000000c4
  03 000008 a3827de9
  04 000010 686f6d6563612e7465737400
  07 0000a8 ${DATA}`;

/** `ubus call nosuch x`: nothing by that name. */
export const LOOKUP = "00 04 0001 00000000 00000010 02 00000b 6e6f7375636800 00";
export const NOT_FOUND = "00 01 0001 00000000 0000000c 01 000008 00000004";

/** By hand: client 0x5eed calls `status` of object 0x11223344 as root; an empty table. */
export const CALL = `00 05 0007 00005eed 00000034
  03 000008 11223344
  04 00000b 73746174757300 00
  0c 000009 726f6f7400 000000
  0d 000009 726f6f7400 000000
  07 000004`;

/** By hand: the answer {"up":1} to it, then status 0. */
export const ANSWER = `00 02 0007 00005eed 00000020
  03 000008 11223344
  07 000014 85 000010 0002 7570 00 000000 00000001`;
export const ANSWER_STATUS = `00 01 0007 00005eed 00000014
  01 000008 00000000
  03 000008 11223344`;
