// One end of the interop matrix, spoken by Go's crypto/tls (streams) and pion/dtls (datagrams).
// Its flags and its lines of JSON are told in test/interop/README.md.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/dtls/v3/pkg/crypto/elliptic"
)

var (
	role        = flag.String("role", "server", "server or client")
	version     = flag.String("version", "TLS 1.3", "the one version")
	suite       = flag.String("suite", "", "the one suite of TLS 1.2, as IANA spells it")
	groups      = flag.String("groups", "P-256", "comma-separated, the wanted one first")
	certificate = flag.String("certificate", "", "own certificate, PEM")
	key         = flag.String("key", "", "its private key, PKCS#8 PEM")
	trust       = flag.String("trust", "", "what the other's certificate comes from, PEM")
	psk         = flag.String("psk", "", "hexadecimal")
	pskIdentity = flag.String("psk-identity", "", "ASCII")
	connect     = flag.Int("connect", 0, "the server's port")
	connections = flag.Int("connections", 1, "how many, the later ones resumed")
	mtu         = flag.Int("mtu", 1200, "octets of a datagram")
)

const label, length = "EXPORTER-homeca-interop", 32

type report struct {
	Version  string `json:"version"`
	Suite    string `json:"suite"`
	Group    string `json:"group,omitempty"`
	Resumed  *bool  `json:"resumed,omitempty"`
	Exported string `json:"exported"`
	Peer     string `json:"peer,omitempty"`
	Heard    string `json:"heard"`
}

func main() {
	flag.Parse()
	end := streamEnd
	if strings.HasPrefix(*version, "D") {
		end = datagramEnd
	}
	if err := end(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func streamEnd() error {
	config := &tls.Config{ServerName: "peer.test", ClientSessionCache: tls.NewLRUClientSessionCache(4)}
	config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
	if *version == "TLS 1.3" {
		config.MinVersion, config.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	}
	for _, each := range tls.CipherSuites() {
		if each.Name == *suite {
			config.CipherSuites = []uint16{each.ID}
		}
	}
	curves := map[string]tls.CurveID{"P-256": tls.CurveP256, "P-384": tls.CurveP384, "X25519": tls.X25519}
	for _, name := range strings.Split(*groups, ",") {
		config.CurvePreferences = append(config.CurvePreferences, curves[name])
	}
	if *role == "server" {
		// It orders groups itself, and asks of no certificate that its curve be among them.
		config.CurvePreferences = config.CurvePreferences[:1]
	}
	pool, err := trusted()
	if err != nil {
		return err
	}
	config.RootCAs, config.ClientCAs = pool, pool
	if *trust != "" {
		config.ClientAuth = tls.RequireAndVerifyClientCert
	}
	if config.Certificates, err = own(); err != nil {
		return err
	}
	if *role == "client" {
		for count := 1; count <= *connections; count++ {
			conn, err := tls.Dial("tcp4", address(*connect), config)
			if err != nil {
				return err
			}
			if err := talk(conn, count, func(heard string) (report, error) { return ofStream(conn, heard) }); err != nil {
				return err
			}
		}
		return nil
	}
	listener, err := tls.Listen("tcp4", address(0), config)
	if err != nil {
		return err
	}
	listening(listener.Addr().(*net.TCPAddr).Port)
	for count := 1; count <= *connections; count++ {
		accepted, err := listener.Accept()
		if err != nil {
			return err
		}
		conn := accepted.(*tls.Conn)
		if err := conn.Handshake(); err != nil {
			return err
		}
		if err := echo(conn, func(heard string) (report, error) { return ofStream(conn, heard) }); err != nil {
			return err
		}
	}
	return nil
}

func ofStream(conn *tls.Conn, heard string) (report, error) {
	state := conn.ConnectionState()
	exported, err := state.ExportKeyingMaterial(label, nil, length)
	groups := map[tls.CurveID]string{tls.CurveP256: "P-256", tls.CurveP384: "P-384", tls.X25519: "X25519"}
	peer := "nothing"
	if len(state.PeerCertificates) > 0 {
		peer = "certificate"
	}
	return report{
		Version:  tls.VersionName(state.Version),
		Suite:    tls.CipherSuiteName(state.CipherSuite),
		Group:    groups[state.CurveID],
		Resumed:  &state.DidResume,
		Exported: hex.EncodeToString(exported),
		Peer:     peer,
		Heard:    heard,
	}, err
}

// What pion stores of sessions: by server name and address on the client, by session id on the server.
type store map[string]dtls.Session

func (s store) Set(key []byte, session dtls.Session) error { s[string(key)] = session; return nil }
func (s store) Get(key []byte) (dtls.Session, error)       { return s[string(key)], nil }
func (s store) Del(key []byte) error                       { delete(s, string(key)); return nil }

func datagramEnd() error {
	pool, err := trusted()
	if err != nil {
		return err
	}
	certificates, err := own()
	if err != nil {
		return err
	}
	code, name, err := pionSuite()
	if err != nil {
		return err
	}
	shared := []dtls.Option{
		dtls.WithCipherSuites(code), dtls.WithMTU(*mtu), dtls.WithFlightInterval(time.Second),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret), dtls.WithEllipticCurves(pionCurves()...),
	}
	if *connections > 1 {
		shared = append(shared, dtls.WithSessionStore(store{}))
	}
	if len(certificates) > 0 {
		shared = append(shared, dtls.WithCertificates(certificates...))
	}
	if *psk != "" {
		secret, err := hex.DecodeString(*psk)
		if err != nil {
			return err
		}
		shared = append(shared,
			dtls.WithPSK(func([]byte) ([]byte, error) { return secret, nil }),
			dtls.WithPSKIdentityHint([]byte(*pskIdentity)))
	}
	if *role == "client" {
		options := []dtls.ClientOption{dtls.WithServerName("peer.test"), dtls.WithRootCAs(pool)}
		for _, each := range shared {
			options = append(options, each)
		}
		for count := 1; count <= *connections; count++ {
			conn, err := dtls.DialWithOptions("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: *connect}, options...)
			if err != nil {
				return err
			}
			if err := conn.HandshakeContext(context.Background()); err != nil {
				return err
			}
			if err := talk(conn, count, func(heard string) (report, error) { return ofDatagrams(conn, name, heard) }); err != nil {
				return err
			}
		}
		return nil
	}
	var options []dtls.ServerOption
	for _, each := range shared {
		options = append(options, each)
	}
	if *trust != "" {
		options = append(options, dtls.WithClientAuth(dtls.RequireAndVerifyClientCert), dtls.WithClientCAs(pool))
	}
	listener, err := dtls.ListenWithOptions("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)}, options...)
	if err != nil {
		return err
	}
	listening(listener.Addr().(*net.UDPAddr).Port)
	for count := 1; count <= *connections; count++ {
		accepted, err := listener.Accept()
		if err != nil {
			return err
		}
		conn := accepted.(*dtls.Conn)
		if err := conn.HandshakeContext(context.Background()); err != nil {
			return err
		}
		if err := echo(conn, func(heard string) (report, error) { return ofDatagrams(conn, name, heard) }); err != nil {
			return err
		}
	}
	return nil
}

func ofDatagrams(conn *dtls.Conn, name string, heard string) (report, error) {
	state, ok := conn.ConnectionState()
	if !ok {
		return report{}, errors.New("no state")
	}
	exported, err := state.ExportKeyingMaterial(label, nil, length)
	peer := "nothing"
	if len(state.PeerCertificates) > 0 {
		peer = "certificate"
	}
	return report{Version: *version, Suite: name, Exported: hex.EncodeToString(exported), Peer: peer, Heard: heard}, err
}

func pionSuite() (dtls.CipherSuiteID, string, error) {
	for _, each := range dtls.CipherSuites() {
		// pion spells IANA's CCM suites without the hash they do not name.
		if each.Name == *suite {
			return dtls.CipherSuiteID(each.ID), each.Name, nil
		}
	}
	codes := map[string]dtls.CipherSuiteID{
		"TLS_PSK_WITH_AES_128_CCM_8":                  dtls.TLS_PSK_WITH_AES_128_CCM_8,
		"TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256": dtls.TLS_ECDHE_PSK_WITH_CHACHA20_POLY1305_SHA256,
	}
	if code, ok := codes[*suite]; ok {
		return code, *suite, nil
	}
	return 0, "", fmt.Errorf("no suite %s", *suite)
}

func pionCurves() []elliptic.Curve {
	curves := map[string]elliptic.Curve{"P-256": elliptic.P256, "P-384": elliptic.P384, "X25519": elliptic.X25519}
	var list []elliptic.Curve
	for _, name := range strings.Split(*groups, ",") {
		list = append(list, curves[name])
	}
	return list
}

func trusted() (*x509.CertPool, error) {
	if *trust == "" {
		return nil, nil
	}
	text, err := os.ReadFile(*trust)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	return pool, nil
}

func own() ([]tls.Certificate, error) {
	if *certificate == "" {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(*certificate, *key)
	return []tls.Certificate{pair}, err
}

func address(port int) string { return "127.0.0.1:" + strconv.Itoa(port) }

func say(line any) {
	text, _ := json.Marshal(line)
	fmt.Println(string(text))
}

func listening(port int) { say(map[string]int{"listening": port}) }

// The client's dialogue: a line, its echo in either case, and the end.
func talk(conn net.Conn, count int, of func(heard string) (report, error)) error {
	line := fmt.Sprintf("echo %d\n", count)
	if _, err := conn.Write([]byte(line)); err != nil {
		return err
	}
	heard, err := readLine(conn)
	if err != nil {
		return err
	}
	if !strings.EqualFold(heard, line) {
		return fmt.Errorf("%q is no echo", heard)
	}
	return finish(conn, heard, of)
}

// The server's dialogue: each line back in upper case until the client leaves.
func echo(conn net.Conn, of func(heard string) (report, error)) error {
	heard, err := readLine(conn)
	if err == nil {
		_, err = conn.Write(bytes.ToUpper([]byte(heard)))
	}
	if err != nil && heard != "" {
		return err
	}
	said, err := of(strings.TrimSpace(heard))
	if err != nil {
		return err
	}
	say(said)
	for err == nil {
		_, err = readLine(conn)
	}
	return ignoreClosed(conn.Close())
}

func finish(conn net.Conn, heard string, of func(heard string) (report, error)) error {
	said, err := of(strings.TrimSpace(heard))
	if err != nil {
		return err
	}
	say(said)
	return ignoreClosed(conn.Close())
}

// The other side may have closed first.
func ignoreClosed(error) error { return nil }

// A datagram is read whole, or the rest of it is lost.
func readLine(conn net.Conn) (string, error) {
	return bufio.NewReaderSize(conn, 1<<14).ReadString('\n')
}
