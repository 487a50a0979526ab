// One end of the interop matrix, spoken by Eclipse Californium's scandium.
// Its flags and its lines of JSON are told in test/interop/README.md.

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyFactory;
import java.security.Principal;
import java.security.PrivateKey;
import java.security.PublicKey;
import java.security.spec.PKCS8EncodedKeySpec;
import java.security.spec.X509EncodedKeySpec;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import javax.crypto.spec.SecretKeySpec;
import org.eclipse.californium.elements.AddressEndpointContext;
import org.eclipse.californium.elements.RawData;
import org.eclipse.californium.elements.auth.RawPublicKeyIdentity;
import org.eclipse.californium.elements.auth.X509CertPath;
import org.eclipse.californium.elements.config.CertificateAuthenticationMode;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.californium.elements.util.SslContextUtil;
import org.eclipse.californium.elements.util.StringUtil;
import org.eclipse.californium.scandium.DTLSConnector;
import org.eclipse.californium.scandium.config.DtlsConfig;
import org.eclipse.californium.scandium.config.DtlsConnectorConfig;
import org.eclipse.californium.scandium.dtls.CertificateType;
import org.eclipse.californium.scandium.dtls.DTLSContext;
import org.eclipse.californium.scandium.dtls.DTLSSession;
import org.eclipse.californium.scandium.dtls.ExtendedMasterSecretMode;
import org.eclipse.californium.scandium.dtls.SessionId;
import org.eclipse.californium.scandium.dtls.cipher.CipherSuite;
import org.eclipse.californium.scandium.dtls.cipher.XECDHECryptography.SupportedGroup;
import org.eclipse.californium.scandium.dtls.pskstore.AdvancedSinglePskStore;
import org.eclipse.californium.scandium.dtls.x509.SingleCertificateProvider;
import org.eclipse.californium.scandium.dtls.x509.StaticNewAdvancedCertificateVerifier;

public final class End {
  private static final int MAX_HANDSHAKE = 16384;
  private static final long PATIENCE_SECONDS = 60;

  private static final Map<String, String> flags = new HashMap<>();
  private static final LinkedBlockingQueue<RawData> received = new LinkedBlockingQueue<>();

  public static void main(String[] words) throws Exception {
    for (int at = 0; at + 1 < words.length; at += 2) flags.put(words[at].substring(2), words[at + 1]);
    DTLSConnector connector = new DTLSConnector(configuration());
    connector.setRawDataReceiver(received::add);
    connector.start();
    if (isServer()) serve(connector);
    else connect(connector);
    connector.stop();
    connector.destroy();
    System.exit(0);
  }

  private static boolean isServer() {
    return "server".equals(flags.get("role"));
  }

  private static int connections() {
    return Integer.parseInt(flags.getOrDefault("connections", "1"));
  }

  private static DtlsConnectorConfig configuration() throws Exception {
    Configuration values = new Configuration(DtlsConfig.DEFINITIONS);
    DtlsConnectorConfig.Builder builder =
        DtlsConnectorConfig.builder(values)
            .setAddress(new InetSocketAddress(InetAddress.getByName("127.0.0.1"), 0))
            .set(
                DtlsConfig.DTLS_ROLE,
                isServer() ? DtlsConfig.DtlsRole.SERVER_ONLY : DtlsConfig.DtlsRole.CLIENT_ONLY)
            .set(DtlsConfig.DTLS_RECOMMENDED_CIPHER_SUITES_ONLY, false)
            .set(DtlsConfig.DTLS_RECOMMENDED_CURVES_ONLY, false)
            .set(DtlsConfig.DTLS_MAX_FRAGMENTED_HANDSHAKE_MESSAGE_LENGTH, MAX_HANDSHAKE)
            .set(DtlsConfig.DTLS_SUPPORT_KEY_MATERIAL_EXPORT, true)
            .set(DtlsConfig.DTLS_VERIFY_SERVER_CERTIFICATES_SUBJECT, false)
            .set(DtlsConfig.DTLS_EXTENDED_MASTER_SECRET_MODE, ExtendedMasterSecretMode.REQUIRED)
            .setAsList(DtlsConfig.DTLS_CIPHER_SUITES, suite());
    if (!flags.containsKey("psk")) {
      builder.setAsListFromText(
          DtlsConfig.DTLS_SIGNATURE_AND_HASH_ALGORITHMS, "SHA256withECDSA", "SHA384withECDSA");
    }
    if (suite().isEccBased()) builder.setAsList(DtlsConfig.DTLS_CURVES, groups());
    if (flags.containsKey("mtu")) {
      builder.set(DtlsConfig.DTLS_MAX_TRANSMISSION_UNIT, Integer.parseInt(flags.get("mtu")));
    }
    boolean asks = flags.containsKey("trust") || flags.containsKey("raw-peer");
    if (isServer()) {
      builder.set(
          DtlsConfig.DTLS_CLIENT_AUTHENTICATION_MODE,
          asks ? CertificateAuthenticationMode.NEEDED : CertificateAuthenticationMode.NONE);
    }
    if (flags.containsKey("psk")) {
      byte[] secret = StringUtil.hex2ByteArray(flags.get("psk"));
      builder.setAdvancedPskStore(
          new AdvancedSinglePskStore(
              flags.get("psk-identity"), new SecretKeySpec(secret, "PSK")));
    }
    credential(builder);
    if (asks) builder.setAdvancedCertificateVerifier(verifier());
    return builder.build();
  }

  private static void credential(DtlsConnectorConfig.Builder builder) throws Exception {
    if (flags.containsKey("certificate")) {
      builder.setCertificateIdentityProvider(
          new SingleCertificateProvider(
              privateKey(flags.get("key")),
              SslContextUtil.loadCertificateChain(flags.get("certificate"), null, null),
              CertificateType.X_509));
    } else if (flags.containsKey("raw-key")) {
      builder.setCertificateIdentityProvider(
          new SingleCertificateProvider(
              privateKey(flags.get("raw-key")),
              publicKey(flags.get("raw-public"))));
    }
  }

  private static org.eclipse.californium.scandium.dtls.x509.NewAdvancedCertificateVerifier
      verifier() throws Exception {
    StaticNewAdvancedCertificateVerifier.Builder trust =
        StaticNewAdvancedCertificateVerifier.builder();
    if (flags.containsKey("trust")) {
      trust.setTrustedCertificates(SslContextUtil.loadTrustedCertificates(flags.get("trust"), null, null));
    } else {
      trust.setTrustedRPKs(
          new RawPublicKeyIdentity(publicKey(flags.get("raw-peer"))));
    }
    return trust.build();
  }

  // SslContextUtil knows PEM by the file's ending alone.
  private static PrivateKey privateKey(String file) throws Exception {
    return KeyFactory.getInstance("EC").generatePrivate(new PKCS8EncodedKeySpec(pem(file)));
  }

  private static PublicKey publicKey(String file) throws Exception {
    return KeyFactory.getInstance("EC").generatePublic(new X509EncodedKeySpec(pem(file)));
  }

  private static byte[] pem(String file) throws Exception {
    String text = Files.readString(Path.of(file)).replaceAll("-----[A-Z ]+-----", "");
    return Base64.getMimeDecoder().decode(text);
  }

  private static CipherSuite suite() {
    String name = flags.get("suite");
    CipherSuite suite = CipherSuite.getTypeByName(name);
    if (suite == null) throw new IllegalArgumentException("no suite " + name);
    return suite;
  }

  private static SupportedGroup[] groups() {
    List<SupportedGroup> groups = new ArrayList<>();
    for (String name : flags.get("groups").split(",")) {
      switch (name) {
        case "P-256" -> groups.add(SupportedGroup.secp256r1);
        case "P-384" -> groups.add(SupportedGroup.secp384r1);
        default -> groups.add(SupportedGroup.X25519);
      }
    }
    return groups.toArray(new SupportedGroup[0]);
  }

  private static void connect(DTLSConnector connector) throws Exception {
    InetSocketAddress server =
        new InetSocketAddress(
            InetAddress.getByName("127.0.0.1"), Integer.parseInt(flags.get("connect")));
    SessionId first = null;
    for (int count = 1; count <= connections(); count++) {
      if (count > 1) connector.forceResumeSessionFor(server);
      String line = "echo " + count + "\n";
      send(connector, line, server);
      String heard = text(next());
      if (!heard.equalsIgnoreCase(line)) throw new IllegalStateException(heard + " is no echo");
      first = report(connector, server, heard, first);
    }
    connector.close(server);
    letOut();
  }

  private static void serve(DTLSConnector connector) throws Exception {
    System.out.println("{\"listening\":" + connector.getAddress().getPort() + "}");
    SessionId first = null;
    for (int count = 1; count <= connections(); count++) {
      RawData data = next();
      String heard = text(data);
      send(connector, heard.toUpperCase(Locale.ROOT), data.getInetSocketAddress());
      first = report(connector, data.getInetSocketAddress(), heard, first);
    }
    letOut();
  }

  /** What was told to be sent goes out from another thread, which says nothing of it. */
  private static void letOut() throws InterruptedException {
    Thread.sleep(300);
  }

  private static void send(DTLSConnector connector, String text, InetSocketAddress to) {
    byte[] bytes = text.getBytes(StandardCharsets.US_ASCII);
    connector.send(RawData.outbound(bytes, new AddressEndpointContext(to), null, false));
  }

  private static RawData next() throws InterruptedException {
    RawData data = received.poll(PATIENCE_SECONDS, TimeUnit.SECONDS);
    if (data == null) throw new IllegalStateException("nothing came");
    return data;
  }

  private static String text(RawData data) {
    return new String(data.getBytes(), StandardCharsets.US_ASCII);
  }

  /** A resumed connection has the session id of the one before it, where the server gave one. */
  private static SessionId report(
      DTLSConnector connector, InetSocketAddress peer, String heard, SessionId before) {
    DTLSContext context = connector.getDtlsContextByAddress(peer);
    DTLSSession session = context.getSession();
    byte[] label = "EXPORTER-homeca-interop".getBytes(StandardCharsets.US_ASCII);
    Principal shown = session.getPeerIdentity();
    String kind =
        shown instanceof X509CertPath
            ? "certificate"
            : shown instanceof RawPublicKeyIdentity ? "raw public key" : "nothing";
    boolean resumed = before != null && before.equals(session.getSessionIdentifier());
    StringBuilder line = new StringBuilder("{\"version\":\"DTLS 1.2\"");
    line.append(",\"suite\":\"").append(session.getCipherSuite().name()).append('"');
    line.append(",\"resumed\":").append(resumed);
    if (!resumed) line.append(",\"peer\":\"").append(kind).append('"');
    // Of a session without an id it keeps no secret to export from.
    byte[] exported =
        session.getSessionIdentifier().isEmpty()
            ? null
            : context.exportKeyMaterial(label, null, 32);
    if (exported != null) {
      String hex = StringUtil.byteArray2Hex(exported).toLowerCase(Locale.ROOT);
      line.append(",\"exported\":\"").append(hex).append('"');
    }
    line.append(",\"heard\":\"").append(heard.trim()).append("\"}");
    System.out.println(line);
    return session.getSessionIdentifier();
  }
}
