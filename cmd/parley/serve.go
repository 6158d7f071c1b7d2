package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"net"
	"net/mail"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"parley/identity"
	"parley/notify"
	"parley/wiring/server"
)

type serveCmd struct {
	dataFlag
	logFlags
	Listen         string        `help:"Address to listen on (${default}); port 0 picks a free one." env:"PARLEY_LISTEN" default:"127.0.0.1:8080" placeholder:"HOST:PORT"`
	PublicURL      string        `name:"public-url" help:"Where people reach the server, when a proxy stands before it." env:"PARLEY_PUBLIC_URL" placeholder:"URL"`
	Registration   string        `help:"Who may register: ${enum} (${default})." enum:"open,invite,closed" env:"PARLEY_REGISTRATION" default:"open"`
	Limits         string        `help:"Rate limits: ${enum} (${default}). Off is for load tests." enum:"on,off" env:"PARLEY_LIMITS" default:"on"`
	Files          string        `help:"Attachments of messages: ${enum} (${default})." enum:"on,off" env:"PARLEY_FILES" default:"on"`
	FileSize       int64         `help:"Largest attachment in MiB (${default})." env:"PARLEY_FILE_SIZE" default:"25" placeholder:"MIB"`
	FileQuota      int64         `help:"What all attachments of one person may take together in MiB (${default}); 0 is no bound." env:"PARLEY_FILE_QUOTA" default:"1024" placeholder:"MIB"`
	TrustedProxies []string      `help:"Networks of proxies whose X-Forwarded-For is believed, such as 10.0.0.0/8." env:"PARLEY_TRUSTED_PROXIES" placeholder:"NET"`
	TLSCert        string        `name:"tls-cert" help:"Certificate chain in PEM, to end TLS here; read again when it changes." env:"PARLEY_TLS_CERT" type:"path" placeholder:"FILE"`
	TLSKey         string        `name:"tls-key" help:"Key of the certificate in PEM." env:"PARLEY_TLS_KEY" type:"path" placeholder:"FILE"`
	ACME           string        `name:"acme" help:"Name of this server, to get a certificate for by ACME from Let's Encrypt, whose terms are accepted thereby." env:"PARLEY_ACME" placeholder:"DOMAIN"`
	ACMEEmail      string        `name:"acme-email" help:"Where the authority may write to." env:"PARLEY_ACME_EMAIL" placeholder:"ADDRESS"`
	ACMEListen     string        `name:"acme-listen" help:"Address for the authority's challenges, which come to port 80 (${default})." env:"PARLEY_ACME_LISTEN" default:":80" placeholder:"HOST:PORT"`
	VAPIDSubject   string        `name:"vapid-subject" help:"How push services reach the operator: mailto:ADDRESS or an https URL; without it, the public URL." env:"PARLEY_VAPID_SUBJECT" placeholder:"URL"`
	PushPrivate    bool          `name:"push-allow-private" help:"Push to this very machine too, without TLS. For tests." env:"PARLEY_PUSH_ALLOW_PRIVATE"`
	DrainFor       time.Duration `help:"How long open requests and sockets may take to end when the server is stopped (${default})." env:"PARLEY_DRAIN_FOR" default:"10s"`
}

// Bounds of settings in MiB: 4 GiB is the most that one PUT to S3 takes, rounded down.
const (
	maxFileMiB  = 4 << 10
	maxQuotaMiB = 1 << 30
)

type logFlags struct {
	LogFormat string `help:"Format of the log: ${enum} (${default})." enum:"text,json" env:"PARLEY_LOG_FORMAT" default:"text"`
	LogLevel  string `help:"Least level that is logged: ${enum} (${default})." enum:"debug,info,warn,error" env:"PARLEY_LOG_LEVEL" default:"info"`
}

func (f logFlags) logger(std streams) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.LogLevel)); err != nil {
		level = slog.LevelInfo // the enum lets no other through
	}
	options := &slog.HandlerOptions{Level: level}
	if f.LogFormat == "json" {
		return slog.New(slog.NewJSONHandler(std.err, options))
	}
	return slog.New(slog.NewTextHandler(std.err, options))
}

// Run serves until ctx ends.
func (c *serveCmd) Run(ctx context.Context, std streams) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.Logger = c.logger(std)
	s, err := server.New(ctx, cfg)
	if err != nil {
		return err
	}
	return s.Run(ctx)
}

// config checks the settings and puts them into the form that the server takes.
func (c *serveCmd) config() (server.Config, error) {
	version, _ := versionInfo()
	cfg := server.Config{
		Data: c.Data, Listen: c.Listen, Registration: identity.Mode(c.Registration), LimitsOff: c.Limits == "off",
		DrainFor: c.DrainFor, Version: version, VAPIDSubject: c.VAPIDSubject, PushPrivate: c.PushPrivate,
		FilesOff: c.Files == "off", FileBytes: c.FileSize << 20, FileQuota: c.FileQuota << 20,
	}
	if c.FileSize < 1 || c.FileSize > maxFileMiB {
		return cfg, usagef("--file-size: %d is not 1 to %d MiB", c.FileSize, maxFileMiB)
	}
	if c.FileQuota < 0 || c.FileQuota > maxQuotaMiB {
		return cfg, usagef("--file-quota: %d is not 0 to %d MiB", c.FileQuota, maxQuotaMiB)
	}
	if c.FileQuota == 0 {
		cfg.FileQuota = -1
	}
	if !isHostPort(c.Listen) {
		return cfg, usagef("--listen: %q is not HOST:PORT", c.Listen)
	}
	if c.Data == "" {
		return cfg, usagef("--data: name a folder")
	}
	if c.VAPIDSubject != "" {
		if err := notify.CheckSubject(c.VAPIDSubject); err != nil {
			return cfg, usageError{fmt.Errorf("--vapid-subject: %w", err)}
		}
	}
	if c.DrainFor <= 0 {
		return cfg, usagef("--drain-for: %s is no time to drain in", c.DrainFor)
	}
	var err error
	if cfg.PublicURL, err = parsePublicURL(c.PublicURL); err != nil {
		return cfg, err
	}
	if cfg.TLS, err = c.tls(); err != nil {
		return cfg, err
	}
	if cfg.PublicURL != nil && cfg.PublicURL.Scheme == "http" && (c.TLSCert != "" || c.ACME != "") {
		return cfg, usagef("--public-url: %q is without TLS, which is on", c.PublicURL)
	}
	for _, s := range c.TrustedProxies {
		network, err := parseNetwork(s)
		if err != nil {
			return cfg, err
		}
		cfg.TrustedProxies = append(cfg.TrustedProxies, network)
	}
	return cfg, nil
}

// tls checks how TLS is to be ended.
func (c *serveCmd) tls() (server.TLS, error) {
	t := server.TLS{CertFile: c.TLSCert, KeyFile: c.TLSKey, Domain: strings.ToLower(c.ACME), Email: c.ACMEEmail, Challenge: c.ACMEListen}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return t, usagef("--tls-cert and --tls-key go together")
	case c.TLSCert != "" && c.ACME != "":
		return t, usagef("--acme: there is a certificate already, by --tls-cert")
	case c.ACMEEmail != "" && c.ACME == "":
		return t, usagef("--acme-email: say by --acme which name to get a certificate for")
	}
	if c.TLSCert != "" {
		if _, err := tls.LoadX509KeyPair(c.TLSCert, c.TLSKey); err != nil {
			return t, usageError{fmt.Errorf("--tls-cert, --tls-key: %w", err)}
		}
	}
	if c.ACME == "" {
		return t, nil
	}
	if _, err := netip.ParseAddr(c.ACME); err == nil || !strings.Contains(c.ACME, ".") || strings.ContainsAny(c.ACME, ":/@*% ") {
		return t, usagef("--acme: %q is not a name like chat.example.org", c.ACME)
	}
	if c.ACMEEmail != "" {
		if _, err := mail.ParseAddress(c.ACMEEmail); err != nil {
			return t, usagef("--acme-email: %q is not an address", c.ACMEEmail)
		}
	}
	if !isHostPort(c.ACMEListen) {
		return t, usagef("--acme-listen: %q is not HOST:PORT", c.ACMEListen)
	}
	return t, nil
}

// isHostPort tells whether s could be listened on: an address or nothing, a colon, and a port.
func isHostPort(s string) bool {
	_, port, err := net.SplitHostPort(s)
	if err != nil {
		return false
	}
	_, err = strconv.ParseUint(port, 10, 16)
	return err == nil
}

func parsePublicURL(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return nil, usagef("--public-url: %q is not like https://chat.example.org", s)
	}
	if strings.Trim(u.Path, "/") != "" {
		return nil, usagef("--public-url: %q has a path; Parley is served at the top of a host", s)
	}
	u.Path = ""
	return u, nil
}

func parseNetwork(s string) (netip.Prefix, error) {
	s = strings.TrimSpace(s)
	if network, err := netip.ParsePrefix(s); err == nil {
		return network, nil
	}
	address, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, usageError{fmt.Errorf("--trusted-proxies: %q is neither a network nor an address", s)}
	}
	return netip.PrefixFrom(address, address.BitLen()), nil
}
