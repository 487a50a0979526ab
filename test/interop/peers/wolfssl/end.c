/* One end of the interop matrix, spoken by wolfSSL. Its flags and lines of JSON are told in test/interop/README.md. */
#include <wolfssl/options.h>
#include <wolfssl/ssl.h>

#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { KEY_MATERIAL = 32, MAX_LINE = 1000, MAX_GROUPS = 4 };

static const char LABEL[] = "EXPORTER-homeca-interop";

static const struct {
  const char *iana, *ours;
} SUITES[] = {
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CCM", "ECDHE-ECDSA-AES128-CCM"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8", "ECDHE-ECDSA-AES128-CCM-8"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305"},
    {"TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-PSK-CHACHA20-POLY1305"},
    {"TLS_ECDHE_PSK_WITH_AES_128_GCM_SHA256", "ECDHE-PSK-AES128-GCM-SHA256"},
    {"TLS_AES_128_GCM_SHA256", "TLS13-AES128-GCM-SHA256"},
    {"TLS_AES_256_GCM_SHA384", "TLS13-AES256-GCM-SHA384"},
    {"TLS_CHACHA20_POLY1305_SHA256", "TLS13-CHACHA20-POLY1305-SHA256"},
    {"TLS_AES_128_CCM_SHA256", "TLS13-AES128-CCM-SHA256"},
};

static const char *role = "server", *version = "TLS 1.3", *suite = "", *groups = "P-256";
static const char *certificate, *key, *trust, *psk, *psk_identity = "";
static int connect_to, connections = 1;

static void fail(const char *what) {
  fprintf(stderr, "%s\n", what);
  exit(1);
}

static void fail_ssl(const char *what, WOLFSSL *ssl, int status) {
  char text[WOLFSSL_MAX_ERROR_SZ];
  int code = wolfSSL_get_error(ssl, status);
  wolfSSL_ERR_error_string(code, text);
  fprintf(stderr, "%s: %d %s\n", what, code, text);
  exit(1);
}

static int is_server(void) { return strcmp(role, "server") == 0; }
static int is_datagram(void) { return version[0] == 'D'; }
static int is_new(void) { return strstr(version, "1.3") != NULL; }

static void read_flags(int count, char **words) {
  for (int at = 1; at + 1 < count; at += 2) {
    const char *flag = words[at], *value = words[at + 1];
    if (!strcmp(flag, "--role")) role = value;
    else if (!strcmp(flag, "--version")) version = value;
    else if (!strcmp(flag, "--suite")) suite = value;
    else if (!strcmp(flag, "--groups")) groups = value;
    else if (!strcmp(flag, "--certificate")) certificate = value;
    else if (!strcmp(flag, "--key")) key = value;
    else if (!strcmp(flag, "--trust")) trust = value;
    else if (!strcmp(flag, "--psk")) psk = value;
    else if (!strcmp(flag, "--psk-identity")) psk_identity = value;
    else if (!strcmp(flag, "--connect")) connect_to = atoi(value);
    else if (!strcmp(flag, "--connections")) connections = atoi(value);
    else fail(flag);
  }
}

static unsigned psk_bytes(unsigned char *out, unsigned room) {
  unsigned length = (unsigned)strlen(psk) / 2;
  if (length > room) return 0;
  for (unsigned at = 0; at < length; at++) {
    unsigned octet;
    sscanf(psk + 2 * at, "%2x", &octet);
    out[at] = (unsigned char)octet;
  }
  return length;
}

static unsigned client_psk(WOLFSSL *ssl, const char *hint, char *identity, unsigned room,
                           unsigned char *out, unsigned key_room) {
  (void)ssl;
  (void)hint;
  snprintf(identity, room, "%s", psk_identity);
  return psk_bytes(out, key_room);
}

static unsigned server_psk(WOLFSSL *ssl, const char *identity, unsigned char *out,
                           unsigned room) {
  (void)ssl;
  return strcmp(identity, psk_identity) == 0 ? psk_bytes(out, room) : 0;
}

static WOLFSSL_CTX *context(void) {
  WOLFSSL_METHOD *method =
      is_datagram() ? (is_server() ? wolfDTLSv1_2_server_method() : wolfDTLSv1_2_client_method())
      : is_new()    ? (is_server() ? wolfTLSv1_3_server_method() : wolfTLSv1_3_client_method())
                    : (is_server() ? wolfTLSv1_2_server_method() : wolfTLSv1_2_client_method());
  WOLFSSL_CTX *ctx = wolfSSL_CTX_new(method);
  const char *name = NULL;
  for (size_t at = 0; at < sizeof SUITES / sizeof *SUITES; at++)
    if (!strcmp(SUITES[at].iana, suite)) name = SUITES[at].ours;
  if (name == NULL || wolfSSL_CTX_set_cipher_list(ctx, name) != WOLFSSL_SUCCESS) fail("no such suite");

  if (certificate != NULL &&
      (wolfSSL_CTX_use_certificate_chain_file(ctx, certificate) != WOLFSSL_SUCCESS ||
       wolfSSL_CTX_use_PrivateKey_file(ctx, key, WOLFSSL_FILETYPE_PEM) != WOLFSSL_SUCCESS))
    fail("no credential");
  if (trust != NULL) {
    if (wolfSSL_CTX_load_verify_locations(ctx, trust, NULL) != WOLFSSL_SUCCESS) fail("no trust");
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_PEER | WOLFSSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
  } else {
    wolfSSL_CTX_set_verify(ctx, WOLFSSL_VERIFY_NONE, NULL);
  }
  if (psk != NULL) {
    if (is_server()) wolfSSL_CTX_set_psk_server_callback(ctx, server_psk);
    else wolfSSL_CTX_set_psk_client_callback(ctx, client_psk);
  }
  if (!is_server() && connections > 1) wolfSSL_CTX_UseSessionTicket(ctx);
  return ctx;
}

static int group_code(const char *name) {
  if (!strcmp(name, "P-384")) return WOLFSSL_ECC_SECP384R1;
  return strcmp(name, "X25519") ? WOLFSSL_ECC_SECP256R1 : WOLFSSL_ECC_X25519;
}

static void choose_groups(WOLFSSL *ssl) {
  char list[64];
  int codes[MAX_GROUPS], count = 0;
  snprintf(list, sizeof list, "%s", groups);
  for (char *rest = list, *name; count < MAX_GROUPS && (name = strsep(&rest, ",")) != NULL;)
    codes[count++] = group_code(name);
  if (is_new()) {
    if (wolfSSL_set_groups(ssl, codes, count) != WOLFSSL_SUCCESS) fail("no such group");
    if (!is_server() && wolfSSL_UseKeyShare(ssl, (word16)codes[0]) != WOLFSSL_SUCCESS)
      fail("no key share");
  } else {
    /* As a server it would take P-256 before others, and asks of no certificate that its curve be listed. */
    if (is_server()) count = 1;
    if (is_server() && codes[0] == WOLFSSL_ECC_SECP384R1) wolfSSL_SetTmpEC_DHE_Sz(ssl, 48);
    for (int at = 0; at < count; at++)
      if (wolfSSL_UseSupportedCurve(ssl, (word16)codes[at]) != WOLFSSL_SUCCESS)
        fail("no such curve");
  }
}

static const char *group_name(const char *curve) {
  if (curve == NULL) return NULL;
  if (!strcasecmp(curve, "SECP256R1")) return "P-256";
  if (!strcasecmp(curve, "SECP384R1")) return "P-384";
  return curve;
}

static void report(WOLFSSL *ssl, const char *heard, int resumed) {
  unsigned char exported[KEY_MATERIAL];
  int length = (int)strcspn(heard, "\r\n");
  const char *group = group_name(wolfSSL_get_curve_name(ssl));
  const char *name = wolfSSL_CIPHER_get_name(wolfSSL_get_current_cipher(ssl));
  for (size_t at = 0; name != NULL && at < sizeof SUITES / sizeof *SUITES; at++)
    if (!strcmp(SUITES[at].ours, name)) name = SUITES[at].iana;
  printf("{\"version\":\"%s\",\"suite\":\"%s\",\"resumed\":%s,\"heard\":\"%.*s\"",
         is_new() ? "TLS 1.3" : is_datagram() ? "DTLS 1.2" : "TLS 1.2", name ? name : "?",
         resumed ? "true" : "false", length, heard);
  if (group != NULL && !resumed) printf(",\"group\":\"%s\"", group);
  if (wolfSSL_export_keying_material(ssl, exported, sizeof exported, LABEL, strlen(LABEL), NULL, 0,
                                     0) == WOLFSSL_SUCCESS) {
    printf(",\"exported\":\"");
    for (int at = 0; at < KEY_MATERIAL; at++) printf("%02x", exported[at]);
    printf("\"");
  }
  if (!resumed) {
    WOLFSSL_X509 *peer = wolfSSL_get_peer_certificate(ssl);
    printf(",\"peer\":\"%s\"", peer != NULL ? "certificate" : "nothing");
    wolfSSL_X509_free(peer);
  }
  printf("}\n");
  fflush(stdout);
}

static int read_line(WOLFSSL *ssl, char *line) {
  int length = 0;
  while (length < MAX_LINE - 1 && (length == 0 || line[length - 1] != '\n')) {
    int got = wolfSSL_read(ssl, line + length, MAX_LINE - 1 - length);
    if (got <= 0) break;
    length += got;
  }
  line[length] = 0;
  return length;
}

static void finish(WOLFSSL *ssl, int socket) {
  wolfSSL_shutdown(ssl);
  wolfSSL_free(ssl);
  close(socket);
}

static struct sockaddr_in loopback(int port) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

static WOLFSSL *connection(WOLFSSL_CTX *ctx, int socket) {
  WOLFSSL *ssl = wolfSSL_new(ctx);
  choose_groups(ssl);
  /* Otherwise the secrets that an exporter of TLS 1.2 or 1.3 needs are gone after the handshake. */
  wolfSSL_KeepArrays(ssl);
  wolfSSL_set_fd(ssl, socket);
  return ssl;
}

static void be_client(WOLFSSL_CTX *ctx) {
  struct sockaddr_in address = loopback(connect_to);
  WOLFSSL_SESSION *session = NULL;
  char said[32], heard[MAX_LINE];
  for (int count = 1; count <= connections; count++) {
    int fd = socket(AF_INET, is_datagram() ? SOCK_DGRAM : SOCK_STREAM, 0);
    if (!is_datagram() && connect(fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    WOLFSSL *ssl = connection(ctx, fd);
    if (is_datagram()) wolfSSL_dtls_set_peer(ssl, &address, sizeof address);
    if (session != NULL) wolfSSL_set_session(ssl, session);
    int status = wolfSSL_connect(ssl);
    if (status != WOLFSSL_SUCCESS) fail_ssl("connect", ssl, status);
    snprintf(said, sizeof said, "echo %d\n", count);
    wolfSSL_write(ssl, said, (int)strlen(said));
    read_line(ssl, heard);
    if (strcasecmp(said, heard)) fail("no echo");
    report(ssl, heard, wolfSSL_session_reused(ssl));
    session = wolfSSL_get1_session(ssl);
    finish(ssl, fd);
  }
}

static int listen_on(int *port) {
  struct sockaddr_in address = loopback(*port);
  socklen_t length = sizeof address;
  int yes = 1, fd = socket(AF_INET, is_datagram() ? SOCK_DGRAM : SOCK_STREAM, 0);
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (bind(fd, (struct sockaddr *)&address, sizeof address)) fail("bind");
  if (!is_datagram() && listen(fd, 4)) fail("listen");
  getsockname(fd, (struct sockaddr *)&address, &length);
  *port = ntohs(address.sin_port);
  return fd;
}

static void be_server(WOLFSSL_CTX *ctx) {
  int port = 0, listener = listen_on(&port);
  char heard[MAX_LINE];
  printf("{\"listening\":%d}\n", port);
  fflush(stdout);
  for (int count = 1; count <= connections; count++) {
    int fd = is_datagram() ? dup(listener) : accept(listener, NULL, NULL);
    WOLFSSL *ssl = connection(ctx, fd);
    int status = wolfSSL_accept(ssl);
    if (status != WOLFSSL_SUCCESS) fail_ssl("accept", ssl, status);
    if (read_line(ssl, heard) > 0) {
      char loud[MAX_LINE];
      int length = (int)strlen(heard);
      for (int at = 0; at < length; at++) loud[at] = (char)toupper((unsigned char)heard[at]);
      wolfSSL_write(ssl, loud, length);
    }
    report(ssl, heard, wolfSSL_session_reused(ssl));
    while (read_line(ssl, heard) > 0) continue;
    finish(ssl, fd);
  }
}

int main(int count, char **words) {
  read_flags(count, words);
  wolfSSL_Init();
  WOLFSSL_CTX *ctx = context();
  if (is_server()) be_server(ctx);
  else be_client(ctx);
  wolfSSL_CTX_free(ctx);
  return 0;
}
