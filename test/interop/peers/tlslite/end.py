"""One end of the interop matrix, spoken by tlslite-ng. Its flags and lines of JSON are told in test/interop/README.md."""

import argparse
import binascii
import json
import socket

from tlslite.api import HandshakeSettings, SessionCache, TLSConnection, X509CertChain, parsePEMKey
from tlslite.constants import AlertDescription, CipherSuite, GroupName
from tlslite.errors import TLSClosedConnectionError

CURVES = {"P-256": "secp256r1", "P-384": "secp384r1", "X25519": "x25519"}
CIPHERS = {
    "AES_128_GCM": "aes128gcm",
    "AES_256_GCM": "aes256gcm",
    "CHACHA20_POLY1305": "chacha20-poly1305",
    "AES_128_CCM": "aes128ccm",
    "AES_128_CCM_8": "aes128ccm_8",
}
VERSIONS = {"TLS 1.2": (3, 3), "TLS 1.3": (3, 4)}


def flags():
    parser = argparse.ArgumentParser()
    for name in ("role", "version", "suite", "groups", "certificate", "key", "trust"):
        parser.add_argument("--" + name)
    parser.add_argument("--connect", type=int)
    parser.add_argument("--connections", type=int, default=1)
    return parser.parse_args()


def settings_of(args):
    settings = HandshakeSettings()
    settings.minVersion = settings.maxVersion = VERSIONS[args.version]
    settings.versions = [VERSIONS[args.version]]
    cipher = args.suite.rpartition("WITH_")[2] if "WITH_" in args.suite else args.suite[4:]
    # IANA names the hash behind the cipher, but for the CCM suites of TLS 1.2.
    for hash_name in ("_SHA256", "_SHA384"):
        cipher = cipher.removesuffix(hash_name)
    settings.cipherNames = [CIPHERS[cipher]]
    settings.keyExchangeNames = ["ecdhe_ecdsa"]
    groups = [CURVES[name] for name in args.groups.split(",")]
    settings.eccCurves = groups
    settings.keyShares = groups[:1]
    settings.dhGroups = []
    # It would ask for the extension in TLS 1.3 too, where there is none.
    settings.requireExtendedMasterSecret = args.version == "TLS 1.2"
    # As a client it would compress its certificate for servers that have not asked for that.
    settings.certificate_compression_send = []
    if args.role == "server" and args.connections > 1:
        settings.ticketKeys = [bytearray(range(32))]
    return settings


def own_of(args):
    if args.certificate is None:
        return None, None
    chain = X509CertChain()
    with open(args.certificate, encoding="ascii") as file:
        chain.parsePemList(file.read())
    with open(args.key, encoding="ascii") as file:
        return chain, parsePEMKey(file.read(), private=True)


def report(connection, args, heard):
    name = CipherSuite.ietfNames[connection.session.cipherSuite]
    session = connection.session
    chain = session.serverCertChain if args.role == "client" else session.clientCertChain
    line = {
        "version": {(3, 3): "TLS 1.2", (3, 4): "TLS 1.3"}[connection.version],
        "suite": name,
        "heard": heard.strip(),
    }
    # A server of TLS 1.3 says of none of its connections that it was resumed.
    if args.role == "client" or args.version == "TLS 1.2":
        line["resumed"] = connection.resumed
    # In TLS 1.3 it hashes the client's certificate into the exporter's secret, where it does not belong.
    if args.version == "TLS 1.2" or not (args.certificate and args.trust):
        label = bytearray(b"EXPORTER-homeca-interop")
        line["exported"] = bytes(connection.keyingMaterialExporter(label, 32)).hex()
    if not connection.resumed:
        line["peer"] = "certificate" if chain else "nothing"
    print(json.dumps(line, separators=(",", ":")), flush=True)


def read_line(connection):
    text = b""
    while not text.endswith(b"\n"):
        part = connection.recv(1000)
        if not part:
            break
        text += part
    return bytes(text).decode("ascii")


def check(args, chain):
    """tlslite-ng leaves the judgement of a chain to its caller: it must be the trusted one's own."""
    with open(args.trust, encoding="ascii") as file:
        trusted = X509CertChain()
        trusted.parsePemList(file.read())
    signer = trusted.x509List[0]
    if chain is None or (chain.x509List[0].issuer != signer.subject):
        raise ValueError("not a certificate of the trusted issuer")


def client(args):
    session = None
    chain, key = own_of(args)
    for count in range(1, args.connections + 1):
        connection = TLSConnection(socket.create_connection(("127.0.0.1", args.connect)))
        connection.handshakeClientCert(
            chain, key, session=session, settings=settings_of(args), serverName="peer.test"
        )
        if not connection.resumed:
            check(args, connection.session.serverCertChain)
        connection.send(b"echo %d\n" % count)
        heard = read_line(connection)
        if heard.lower() != "echo %d\n" % count:
            raise ValueError("%r is no echo" % heard)
        report(connection, args, heard)
        session = connection.session
        connection.close()


def server(args):
    chain, key = own_of(args)
    cache = SessionCache() if args.connections > 1 else None
    listener = socket.create_server(("127.0.0.1", 0))
    print('{"listening":%d}' % listener.getsockname()[1], flush=True)
    for _ in range(args.connections):
        connection = TLSConnection(listener.accept()[0])
        connection.handshakeServer(
            certChain=chain,
            privateKey=key,
            reqCert=args.trust is not None,
            sessionCache=cache,
            settings=settings_of(args),
        )
        if args.trust is not None and not connection.resumed:
            check(args, connection.session.clientCertChain)
        heard = read_line(connection)
        if heard:
            connection.send(heard.upper().encode("ascii"))
        report(connection, args, heard)
        while read_line(connection):
            pass
        connection.close()


if __name__ == "__main__":
    ARGS = flags()
    (client if ARGS.role == "client" else server)(ARGS)
